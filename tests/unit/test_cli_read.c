#include "batch_lines.h"
#include "job_option.h"
#include "pick.h"
#include "setting.h"
#include "sse.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

static int begin(void **state)
{
    *state = talloc_new(NULL);
    return 0;
}

static int end(void **state)
{
    talloc_free(*state);
    return 0;
}

/* ------------------------------------------------------------ events */

static char *told; /* "id/name/data|" of each event */

static bool on_event(const struct sse_event *event, void *arg)
{
    told = talloc_asprintf_append(told, "%s/%s/%s|", event->id, event->name,
                                  event->data);
    return strcmp(event->name, arg) != 0;
}

static const struct {
    const char *stream, *events, *last_id;
} streams[] = {
    {"data: a\n\n",                            "//a|",       "" },
    {"id: 7\nevent: x\ndata: {}\n\n",          "7/x/{}|",    "7"},
    {"id:7\r\ndata:a\r\ndata:b\r\n\r\n",       "7//a\nb|",   "7"},
    {"id: 1\ndata: a\r\rdata: b\n\n",          "1//a|1//b|", "1"},
    {"retry: 2000\n: beat\n\ndata: a\n\n",     "//a|",       "" },
    {"event: x\n\ndata: a\n\n",                "//a|",       "" },
    {"data\n\nid: 3\ndata: a\n\n",             "3//a|",      "3"},
    {"id: 1\ndata: a\n\nid: 2\ndata: cut off", "1//a|",      "1"},
    {"event: last\ndata: a\n\ndata: b\n\n",    "/last/a|",   "" },
};

static void streams_are_read_however_they_come(void **state)
{
    static char last[] = "last";

    for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
        const char *text = streams[i].stream;

        for (size_t piece = 1; piece <= strlen(text); piece++) {
            struct sse sse;
            bool more = true;

            told = talloc_strdup(*state, "");
            sse_init(&sse, *state, on_event, last);
            for (size_t at = 0; more && at < strlen(text); at += piece) {
                size_t rest = strlen(text) - at;

                more = sse_feed(&sse, text + at, rest < piece ? rest : piece);
            }
            assert_string_equal(told, streams[i].events);
            assert_string_equal(buf_text(&sse.last_id), streams[i].last_id);
        }
    }
}

static void what_was_cut_off_does_not_count(void **state)
{
    static char none[] = "none";
    struct sse sse;

    told = talloc_strdup(*state, "");
    sse_init(&sse, *state, on_event, none);
    assert_true(sse_feed(&sse, "id: 1\ndata: a\n\nid: 2\ndata: b", 28));
    sse_restart(&sse);
    assert_true(sse_feed(&sse, "data: c\n\n", 9));
    assert_string_equal(told, "1//a|1//c|");
}

/* ------------------------------------------------------------ words */

static const struct {
    const char *text, *json; /* NULL: refused */
} rates[] = {
    {"100/1m",     "{\"r\":{\"limit\":100,\"per\":\"1m\"}}"             },
    {"1/1h30m:5",  "{\"r\":{\"limit\":1,\"per\":\"1h30m\",\"burst\":5}}"},
    {"100",        NULL                                                 },
    {"0/1m",       NULL                                                 },
    {"-1/1m",      NULL                                                 },
    {"100/",       NULL                                                 },
    {"100/0s",     NULL                                                 },
    {"100/minute", NULL                                                 },
    {"100/1m:",    NULL                                                 },
    {"100/1m:x",   NULL                                                 },
    {"100/1m:5x",  NULL                                                 },
    {"/1m",        NULL                                                 },
    {"",           NULL                                                 },
};

static void rates_are_read(void **state)
{
    for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
        struct json_out *out = json_out_new(*state);
        struct error err;
        bool ok;

        json_begin_object(out, NULL);
        ok = setting_rate("--rate-limit", rates[i].text, "r", out, &err);
        json_end(out);
        assert_int_equal(ok, rates[i].json != NULL);
        if (ok)
            assert_string_equal(json_out_text(out, NULL), rates[i].json);
        else
            assert_non_null(strstr(err.text, "such as 100/1m"));
    }
}

static void urls_are_encoded(void **state)
{
    char *url = url_of(*state, "/api/queues/%s/pause", "a b/../ü%");

    assert_string_equal(url, "/api/queues/a%20b%2F..%2F%C3%BC%25/pause");
    url = url_add(url, "no", NULL);
    url = url_add(url, "tag", "x&y=z");
    url = url_add(url, "limit", "5");
    assert_string_equal(
        url, "/api/queues/a%20b%2F..%2F%C3%BC%25/pause?tag=x%26y%3Dz&limit=5");
}

static void members_are_picked(void **state)
{
    static const char text[] =
        "{\"a\": {\"b\": \"x\", \"n\": 2.9, \"none\": null}, \"t\": "
        "\"2026-01-01T00:00:00Z\", \"l\": [\"p\", \"q\"], \"m\": [1, \"q\"]}";
    struct error err;
    json_t *json;

    assert_true(json_parse(*state, text, strlen(text), &json, &err));
    assert_string_equal(pick_text(json, "a.b"), "x");
    assert_string_equal(pick_text(json, "a.c"), "");
    assert_string_equal(pick_text(json, "a.b.c"), "");
    assert_string_equal(pick_text(json, "a.n"), "");
    assert_null(pick(json, "a.none"));
    assert_int_equal(pick_int(json, "a.n"), 2);
    assert_int_equal(pick_time(json, "t"), INT64_C(1767225600000));
    assert_int_equal(pick_time(json, "a.b"), 0);
    assert_string_equal(pick_any(*state, pick(json, "l")), "p,q");
    assert_string_equal(pick_any(*state, pick(json, "m")), "[1,\"q\"]");
}

/* ------------------------------------------------------------ files */

/* A file with this text; its name is on `mem`. */
static const char *file_of(void *mem, const char *text)
{
    char *name = talloc_strdup(mem, "/tmp/test-cli-XXXXXX");
    int fd = mkstemp(name);
    FILE *file = fdopen(fd, "w");

    fputs(text, file);
    fclose(file);
    return name;
}

static void json_comes_as_a_word_or_a_file(void **state)
{
    const char *path = file_of(*state, "{\"n\": 1.50}\n");
    const char *word = talloc_asprintf(*state, "@%s", path), *json;
    struct error err;

    assert_true(json_operand(*state, "the payload", "[1, 2]", &json, &err));
    assert_string_equal(json, "[1, 2]");
    assert_true(json_operand(*state, "the payload", word, &json, &err));
    assert_string_equal(json, "{\"n\": 1.50}\n");
    unlink(path);
    assert_false(json_operand(*state, "the payload", word, &json, &err));
    assert_int_equal(err.kind, ERROR_INVALID);
    assert_false(json_operand(*state, "the payload", "{\"a\"", &json, &err));
    assert_non_null(strstr(err.text, "the payload: line 1"));
}

static const char *lines_of(void *mem, const char *text, struct error *err)
{
    const char *path = file_of(mem, text);
    struct json_out *out = json_out_new(mem);
    struct batch_lines lines;
    bool ok;

    assert_true(batch_lines_open(mem, path, &lines, err));
    unlink(path);
    json_begin_array(out, NULL);
    ok = batch_lines_write(&lines, out, err);
    json_end(out);
    assert_true(!ok || batch_lines_at_end(&lines));
    return ok ? json_out_text(out, NULL) : NULL;
}

static void jobs_are_read_line_by_line(void **state)
{
    struct error err;

    assert_string_equal(lines_of(*state, "{\"a\":1}\n\n  \r\n{\"b\": 2}", &err),
                        "[{\"a\":1},{\"b\": 2}]");
    assert_string_equal(lines_of(*state, "", &err), "[]");
    assert_null(lines_of(*state, "{\"a\":1}\n\n[1]\n", &err));
    assert_non_null(strstr(err.text, ", line 3: a job must be a JSON object"));
    assert_null(lines_of(*state, "{\"a\":1}\n{\"a\":\n", &err));
    assert_non_null(strstr(err.text, ", line 2: "));
}

static void many_jobs_go_in_portions(void **state)
{
    char *text = talloc_strdup(*state, "");
    struct batch_lines lines;
    struct error err;
    const char *path;
    int portions = 0;

    for (int i = 0; i < 25000; i++)
        text = talloc_strdup_append_buffer(text, "{}\n");
    path = file_of(*state, text);
    assert_true(batch_lines_open(*state, path, &lines, &err));
    unlink(path);
    for (; !batch_lines_at_end(&lines); portions++) {
        struct json_out *out = json_out_new(*state);

        json_begin_array(out, NULL);
        assert_true(batch_lines_write(&lines, out, &err));
        assert_int_equal(lines.first_line, portions * 10000 + 1);
    }
    assert_int_equal(portions, 3);
    assert_int_equal(lines.jobs, 25000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_however_they_come),
        cmocka_unit_test(what_was_cut_off_does_not_count),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(urls_are_encoded),
        cmocka_unit_test(members_are_picked),
        cmocka_unit_test(json_comes_as_a_word_or_a_file),
        cmocka_unit_test(jobs_are_read_line_by_line),
        cmocka_unit_test(many_jobs_go_in_portions),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
