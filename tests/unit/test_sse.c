#include "message.h"
#include "position.h"
#include "sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define JOB "0190a3c1-0000-7000-8000-000000000001"

static struct event event_of(const char *kind)
{
    return (struct event){
        .seq = 7,
        .xid = 100,
        .at_ms = INT64_C(1795311600123),
        .what = event_kind_by_type(kind),
        .kind = kind,
        .job_id = JOB,
        .job_type = "mail",
        .owner = "anna",
        .attempt = 2,
        .progress = 40,
    };
}

static void an_event_is_one_block(void **state)
{
    void *mem = talloc_new(NULL);
    struct event event = event_of("job_progress");

    (void)state;
    event.message = "half \"way\"\n";
    assert_string_equal(
        sse_body(mem, &event),
        "event: progress\n"
        "data: {\"type\":\"job_progress\",\"jobId\":\"" JOB
        "\","
        "\"jobType\":\"mail\",\"status\":\"processing\",\"progress\":40,"
        "\"message\":\"half \\\"way\\\"\\n\",\"attempt\":2,"
        "\"at\":\"2026-11-22T01:40:00.123Z\"}\n\n");
    talloc_free(mem);
}

static void kinds_have_their_names(void **state)
{
    static const struct {
        const char *kind, *name, *status;
        bool final;
    } cases[] = {
        {"job_queued",    "status",        "pending",    false},
        {"job_started",   "status",        "processing", false},
        {"job_progress",  "progress",      "processing", false},
        {"job_retrying",  "status",        "pending",    false},
        {"job_completed", "job-complete",  "completed",  true },
        {"job_failed",    "job-failed",    "failed",     true },
        {"job_cancelled", "job-cancelled", "cancelled",  true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct event_kind *kind = event_kind_by_type(cases[i].kind);

        assert_non_null(kind);
        assert_string_equal(kind->name, cases[i].name);
        assert_string_equal(kind->status, cases[i].status);
        assert_int_equal(kind->final, cases[i].final);
    }
    assert_null(event_kind_by_type("job_lost"));
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void a_result_stays_on_its_line(void **state)
{
    void *mem = talloc_new(NULL);
    struct event event = event_of("job_completed");
    const char *body;

    (void)state;
    event.result = "{\"a\":\r\n\t1.50,\n\"b\": \"x\\ny\"}";
    event.error = "{}";
    body = sse_body(mem, &event);
    assert_true(
        has(body, "\"result\":{\"a\":  \t1.50, \"b\": \"x\\ny\"}}\n\n"));
    assert_false(has(body, "\"error\""));
    assert_null(strchr(body, '\r'));
    talloc_free(mem);
}

static void an_event_of_a_batch_says_how_it_is(void **state)
{
    void *mem = talloc_new(NULL);
    struct event event = event_of("batch_completed");

    (void)state;
    event.result = "{\"batchId\":\"" JOB "\",\n\"counts\":{\"active\":1}}";
    assert_string_equal(sse_body(mem, &event),
                        "event: batch-complete\n"
                        "data: {\"type\":\"batch_completed\",\"batchId\":\"" JOB
                        "\", \"counts\":{\"active\":1},"
                        "\"at\":\"2026-11-22T01:40:00.123Z\"}\n\n");
    event.result = NULL;
    assert_true(has(sse_body(mem, &event),
                    "{\"type\":\"batch_completed\",\"batchId\":\"" JOB
                    "\",\"at\":"));
    event = event_of("job_started");
    assert_false(has(sse_body(mem, &event), "batchId"));
    event.batch = JOB;
    assert_true(has(sse_body(mem, &event), ",\"batchId\":\"" JOB "\","));
    talloc_free(mem);
}

static void an_error_comes_with_what_failed(void **state)
{
    void *mem = talloc_new(NULL);
    struct event event = event_of("job_failed");

    (void)state;
    assert_false(has(sse_body(mem, &event), "error"));
    event.error = "{\"code\":\"timeout\",\"message\":\"m\"}";
    event.result = "1";
    assert_true(has(sse_body(mem, &event),
                    "\"error\":{\"code\":\"timeout\",\"message\":\"m\"}}"));
    assert_false(has(sse_body(mem, &event), "result"));
    event.what = event_kind_by_type("job_retrying");
    assert_false(has(sse_body(mem, &event), "error"));
    talloc_free(mem);
}

static void a_position_reads_its_own_text(void **state)
{
    void *mem = talloc_new(NULL);
    struct position at;
    struct error err;
    const char *text = "7512:7520:7512,7515~7516:7530:7520~991";

    (void)state;
    assert_true(position_parse(mem, text, &at, &err));
    assert_int_equal(at.after, 991);
    assert_string_equal(at.before->text, "7512:7520:7512,7515");
    assert_string_equal(position_text(mem, at.before, at.within, at.after),
                        text);
    talloc_free(mem);
}

static void a_position_between_looks_has_no_rest(void **state)
{
    void *mem = talloc_new(NULL);
    struct position at;
    struct error err;

    (void)state;
    assert_true(position_parse(mem, "5:7:5~5:7:5~0", &at, &err));
    assert_null(at.within);
    assert_int_equal(at.after, 0);

    assert_true(position_parse(mem, "5:7:5~9:9:~12", &at, &err));
    position_settle(&at);
    assert_string_equal(at.before->text, "9:9:");
    assert_null(at.within);
    assert_int_equal(at.after, 0);
    talloc_free(mem);
}

static void what_is_no_position_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "7",
        "1:1:~1:1:",
        "1:1:~1:1:~",
        "1:1:~1:1:~-1",
        "~~",
        "1:1:~~1",
        "~1:1:~1",
        "1:1:~1:1:~1~",
        "1:1:~x~1",
        "x~1:1:~1",
        "1:1:~1:1:~99999999999999999999",
    };
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct position at;
        struct error err;

        assert_false(position_parse(mem, bad[i], &at, &err));
        assert_string_equal(err.code, "invalid_event_id");
    }
    talloc_free(mem);
}

static void a_seq_is_a_whole_number(void **state)
{
    static const char *const bad[] = {"",   "x",  "1x", "-1",
                                      "+1", " 1", "1 ", "9223372036854775808"};
    int64_t seq = 5;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(position_parse_seq(bad[i], &seq, &err));
    assert_int_equal(seq, 5);
    assert_true(position_parse_seq("9223372036854775807", &seq, &err));
    assert_true(seq == INT64_MAX);
    assert_true(position_parse_seq("0", &seq, &err));
    assert_int_equal(seq, 0);
}

static void assert_sent(struct evbuffer *out, const char *want)
{
    size_t len = evbuffer_get_length(out);

    assert_int_equal(len, strlen(want));
    assert_memory_equal(evbuffer_pullup(out, -1), want, len);
    evbuffer_drain(out, len);
}

static void a_message_is_a_chunk_or_plain(void **state)
{
    struct message *message = message_new("7", "data: x\n\n");
    struct message *comment = message_new(NULL, ": hb\n\n");
    struct evbuffer *out = evbuffer_new();

    (void)state;
    message_send(message, -1, out, true);
    assert_sent(out, "f\r\nid: 7\ndata: x\n\n\r\n");
    message_send(message, -1, out, false);
    assert_sent(out, "id: 7\ndata: x\n\n");
    message_send(comment, -1, out, true);
    assert_sent(out, "6\r\n: hb\n\n\r\n");
    message_release(comment);
    message_release(message);
    evbuffer_free(out);
}

static void a_message_lives_until_it_is_sent(void **state)
{
    struct message *message = message_new("7", "data: x\n\n");
    struct evbuffer *one = evbuffer_new(), *other = evbuffer_new();

    (void)state;
    message_send(message, -1, one, true);
    message_send(message, -1, other, true);
    message_release(message);
    assert_sent(one, "f\r\nid: 7\ndata: x\n\n\r\n");
    assert_sent(other, "f\r\nid: 7\ndata: x\n\n\r\n");
    evbuffer_free(one);
    evbuffer_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_block),
        cmocka_unit_test(kinds_have_their_names),
        cmocka_unit_test(a_result_stays_on_its_line),
        cmocka_unit_test(an_event_of_a_batch_says_how_it_is),
        cmocka_unit_test(an_error_comes_with_what_failed),
        cmocka_unit_test(a_position_reads_its_own_text),
        cmocka_unit_test(a_position_between_looks_has_no_rest),
        cmocka_unit_test(what_is_no_position_is_refused),
        cmocka_unit_test(a_seq_is_a_whole_number),
        cmocka_unit_test(a_message_is_a_chunk_or_plain),
        cmocka_unit_test(a_message_lives_until_it_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
