/*
 * FastCGI records as they are written and read, and the answers of CGI programs
 * in them.
 */
#include "cgi_answer.h"
#include "fcgi_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static int make_context(void **state)
{
    *state = talloc_new(NULL);
    return 0;
}

static int free_context(void **state)
{
    talloc_free(*state);
    return 0;
}

/* The next record of what was written; `at` goes on behind it. */
static struct fcgi_record next(const struct buf *out, size_t *at)
{
    struct fcgi_record record = {0};
    struct error err;
    size_t used;

    assert_true(fcgi_read((const unsigned char *)out->data + *at,
                          out->len - *at, &record, &used, &err));
    assert_true(used > 0);
    *at += used;
    return record;
}

static void test_a_request_is_read_as_it_was_written(void **state)
{
    struct fcgi_record record;
    struct buf out;
    size_t at = 0;

    buf_init(&out, *state, 16);
    fcgi_add_begin(&out);
    fcgi_add_param(&out, "A", "b");
    fcgi_add_params_end(&out);
    fcgi_add_body(&out, "body", 4);
    record = next(&out, &at);
    assert_int_equal(record.type, FCGI_BEGIN_REQUEST);
    assert_int_equal(record.id, 1);
    assert_memory_equal(record.content, "\0\1\0\0\0\0\0\0", 8);
    record = next(&out, &at);
    assert_int_equal(record.type, FCGI_PARAMS);
    assert_int_equal(record.len, 4);
    assert_memory_equal(record.content, "\1\1Ab", 4);
    record = next(&out, &at);
    assert_int_equal(record.type, FCGI_PARAMS);
    assert_int_equal(record.len, 0);
    record = next(&out, &at);
    assert_int_equal(record.type, FCGI_STDIN);
    assert_memory_equal(record.content, "body", 4);
    assert_int_equal(next(&out, &at).len, 0);
    assert_int_equal(at, out.len);
}

static void test_a_long_value_has_a_long_length(void **state)
{
    char *value = talloc_array(*state, char, 301);
    struct fcgi_record record;
    struct buf out;
    size_t at = 0;

    memset(value, 'x', 300);
    value[300] = '\0';
    buf_init(&out, *state, 16);
    fcgi_add_param(&out, "N", value);
    record = next(&out, &at);
    assert_int_equal(record.len, 1 + 4 + 1 + 300);
    assert_memory_equal(record.content, "\1\x80\0\1\x2CNxx", 8);
}

static void test_a_long_body_is_several_records(void **state)
{
    size_t len = 200000, at = 0, total = 0;
    char *body = talloc_zero_array(*state, char, (unsigned)len);
    struct fcgi_record record;
    struct buf out;

    buf_init(&out, *state, 16);
    fcgi_add_body(&out, body, len);
    do {
        record = next(&out, &at);
        total += record.len;
    } while (record.len > 0);
    assert_int_equal(total, len);
    assert_int_equal(at, out.len);
}

static void test_a_record_that_is_not_whole_waits(void **state)
{
    static const unsigned char data[] = {1, FCGI_STDOUT, 0,   1,   0, 3, 2,
                                         0, 'a',         'b', 'c', 0, 0};
    struct fcgi_record record;
    struct error err;
    size_t used;

    (void)state;
    for (size_t len = 0; len < sizeof(data); len++) {
        assert_true(fcgi_read(data, len, &record, &used, &err));
        assert_int_equal(used, 0);
    }
    assert_true(fcgi_read(data, sizeof(data), &record, &used, &err));
    assert_int_equal(used, sizeof(data));
    assert_int_equal(record.len, 3);
}

static void test_what_is_no_record_is_refused(void **state)
{
    static const unsigned char end[] = {0, 0, 0, 0};
    struct fcgi_record record = {.content = end, .len = sizeof(end)};
    struct fcgi_end said;
    struct error err;
    size_t used;

    (void)state;
    assert_false(
        fcgi_read((const unsigned char *)"HTTP", 4, &record, &used, &err));
    assert_string_equal(err.code, "fastcgi_protocol");
    record.content = end;
    assert_false(fcgi_read_end(&record, &said, &err));
}

static void test_the_end_tells_both_statuses(void **state)
{
    static const unsigned char end[] = {0, 1, 2, 3, FCGI_OVERLOADED, 0, 0, 0};
    struct fcgi_record record = {.content = end, .len = sizeof(end)};
    struct fcgi_end said;
    struct error err;

    (void)state;
    assert_true(fcgi_read_end(&record, &said, &err));
    assert_int_equal(said.app_status, 0x010203);
    assert_int_equal(said.protocol_status, FCGI_OVERLOADED);
}

/* ------------------------------------------------------------ CGI */

static const struct {
    const char *data;
    int status; /* 0: it is refused */
    const char *type, *retry_after, *body;
} answers[] = {
    {"Content-type: text/plain\r\n\r\nhi",         200, "text/plain", NULL,   "hi"       },
    {"Status: 503 Busy\r\nRetry-After: 7\r\n\r\n", 503, NULL,         "7",    ""         },
    {"STATUS:404\n\n\nx",                          404, NULL,         NULL,   "\nx"      },
    {"X-A: b\nretry-after:\tsoon\n\n{\"a\":1}",    200, NULL,         "soon", "{\"a\":1}"},
    {"\n",                                         200, NULL,         NULL,   ""         },
    {"",                                           0,   NULL,         NULL,   NULL       },
    {"Content-type: text/plain\r\n",               0,   NULL,         NULL,   NULL       },
    {"no colon\r\n\r\n",                           0,   NULL,         NULL,   NULL       },
    {": no name\r\n\r\n",                          0,   NULL,         NULL,   NULL       },
    {"Status: ok\r\n\r\n",                         0,   NULL,         NULL,   NULL       },
    {"Status: 2000\r\n\r\n",                       0,   NULL,         NULL,   NULL       },
    {"Status: 20\r\n\r\n",                         0,   NULL,         NULL,   NULL       },
    {"Status: 099 x\r\n\r\n",                      0,   NULL,         NULL,   NULL       },
};

static void same(const char *got, const char *want)
{
    assert_true(!got == !want);
    if (want)
        assert_string_equal(got, want);
}

static void test_answers(void **state)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        struct web_answer answer = {0};
        struct error err;
        bool ok = cgi_answer_read(*state, answers[i].data,
                                  strlen(answers[i].data), &answer, &err);

        assert_int_equal(ok ? answer.status : 0, answers[i].status);
        if (!ok)
            continue;
        same(answer.content_type, answers[i].type);
        same(answer.retry_after, answers[i].retry_after);
        assert_int_equal(answer.len, strlen(answers[i].body));
        assert_memory_equal(answer.body, answers[i].body, answer.len);
    }
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(web_retry_after_ms("120", 0), 120000);
    assert_int_equal(web_retry_after_ms("0", 0), 1);
    assert_int_equal(web_retry_after_ms("-5", 0), 0);
    assert_int_equal(web_retry_after_ms("99999999999", 0), 86400000);
    assert_int_equal(web_retry_after_ms("soon", 0), 0);
    assert_int_equal(web_retry_after_ms("Thu, 01 Jan 1970 00:01:40 GMT", 40000),
                     60000);
    assert_int_equal(
        web_retry_after_ms("Thu, 01 Jan 1970 00:01:40 GMT", 400000), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_read_as_it_was_written),
        cmocka_unit_test(test_a_long_value_has_a_long_length),
        cmocka_unit_test(test_a_long_body_is_several_records),
        cmocka_unit_test(test_a_record_that_is_not_whole_waits),
        cmocka_unit_test(test_what_is_no_record_is_refused),
        cmocka_unit_test(test_the_end_tells_both_statuses),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_retry_after),
    };

    return cmocka_run_group_tests(tests, make_context, free_context);
}
