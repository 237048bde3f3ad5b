#include "api.h"
#include "auth.h"
#include "http.h"
#include "prefer.h"
#include "reply.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct conf conf = {.data_dir = "/data", .max_body = 1000};
static struct api api = {.conf = &conf};

static int no_body(void *source, char *into, int size)
{
    (void)source, (void)into, (void)size;
    return 0;
}

static struct request *request_of(void *mem, char *const *env)
{
    return http_request_new(mem, &api, env, no_body, NULL);
}

/* What is sent, as text. */
static bool collect(void *sink, const char *data, size_t len)
{
    char **text = sink;

    *text = talloc_strndup_append_buffer(*text, data, len);
    return true;
}

static char *sent(void *mem, struct request *req, const struct response *res)
{
    char *text = talloc_strdup(mem, "");

    reply_send(req, res, collect, &text);
    return text;
}

static void version_1_is_what_there_is(void **state)
{
    static const char *const cases[][2] = {
        {"REQUEST_URI=/api/v1/jobs?a=b",       "/api/jobs"             },
        {"REQUEST_URI=/api/jobs",              "/api/jobs"             },
        {"REQUEST_URI=/api/v1",                "/api/v1"               },
        {"REQUEST_URI=/api/v10/jobs",          "/api/v10/jobs"         },
        {"REQUEST_URI=/api/v1/analysis/job/x", "/api/v1/analysis/job/x"},
        {"REQUEST_URI=/api/v1/analysisx",      "/api/analysisx"        },
        {"REQUEST_URI=?a=/b",                  ""                      },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *env[] = {(char *)(uintptr_t)cases[i][0], NULL};
        struct request *req = request_of(NULL, env);

        assert_string_equal(req->path, cases[i][1]);
        talloc_free(req);
    }
}

static void variables_make_a_request(void **state)
{
    char method[] = "REQUEST_METHOD=HEAD", script[] = "SCRIPT_NAME=/api",
         info[] = "PATH_INFO=/jobs", length[] = "CONTENT_LENGTH=12",
         cookie[] = "HTTP_COOKIE=a=b; millrace_session=xyz; c",
         bearer[] = "HTTP_AUTHORIZATION=bearer  mr_1";
    char *env[] = {method, script, info, length, cookie, bearer, NULL};
    struct request *req = request_of(NULL, env);

    (void)state;
    assert_string_equal(req->method, "GET");
    assert_true(req->head);
    assert_string_equal(req->path, "/api/jobs");
    assert_int_equal(req->body.length, 12);
    assert_string_equal(auth_cookie(req), "xyz");
    assert_string_equal(auth_bearer(req), "mr_1");
    assert_null(req->prefer);
    talloc_free(req);
}

static void a_broken_length_is_none(void **state)
{
    static const char *const broken[] = {"CONTENT_LENGTH=", "CONTENT_LENGTH=x",
                                         "CONTENT_LENGTH=-5",
                                         "CONTENT_LENGTH=5x"};

    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        char *env[] = {(char *)(uintptr_t)broken[i], NULL};
        struct request *req = request_of(NULL, env);

        assert_int_equal(req->body.length, -1);
        talloc_free(req);
    }
}

static void a_header_cannot_begin_another(void **state)
{
    char *env[] = {NULL};
    struct request *req = request_of(NULL, env);
    struct response res = {0};

    (void)state;
    http_header(req, &res, "Location", "/a\r\nSet-Cookie: b\x7f");
    assert_string_equal(sent(req, req, &res),
                        "Status: 200 OK\r\n"
                        "Content-Length: 0\r\n"
                        "Cache-Control: no-store\r\n"
                        "Location: /a  Set-Cookie: b \r\n"
                        "\r\n");
    talloc_free(req);
}

static void head_sends_no_body(void **state)
{
    char method[] = "REQUEST_METHOD=HEAD";
    char *env[] = {method, NULL};
    struct request *req = request_of(NULL, env);
    struct response res = {.body = "12345", .body_len = 5};
    const char *text = sent(req, req, &res);

    (void)state;
    assert_non_null(strstr(text, "Content-Length: 5\r\n"));
    assert_null(strstr(text, "12345"));
    talloc_free(req);
}

static const struct {
    enum error_kind kind;
    const char *status, *header;
} kinds[] = {
    {ERROR_INVALID,     "Status: 400 Bad Request",            ""                        },
    {ERROR_DENIED,      "Status: 401 Unauthorized",           "WWW-Authenticate: Bearer"},
    {ERROR_FORBIDDEN,   "Status: 403 Forbidden",              ""                        },
    {ERROR_NOT_FOUND,   "Status: 404 Not Found",              ""                        },
    {ERROR_NOT_ALLOWED, "Status: 405 Method Not Allowed",
     "Allow: POST, GET, HEAD"                                                           },
    {ERROR_CONFLICT,    "Status: 409 Conflict",               ""                        },
    {ERROR_TOO_LARGE,   "Status: 413 Content Too Large",      ""                        },
    {ERROR_MEDIA,       "Status: 415 Unsupported Media Type", ""                        },
    {ERROR_MISMATCH,    "Status: 422 Unprocessable Content",  ""                        },
    {ERROR_TOO_MANY,    "Status: 429 Too Many Requests",      "Retry-After: 2"          },
    {ERROR_BUSY,        "Status: 503 Service Unavailable",    "Retry-After: 2"          },
    {ERROR_UNAVAILABLE, "Status: 503 Service Unavailable",    "Retry-After: 2"          },
    {ERROR_NO_SPACE,    "Status: 507 Insufficient Storage",   ""                        },
};

static void each_kind_of_failure_has_its_status(void **state)
{
    char uri[] = "REQUEST_URI=/api/jobs";
    char *env[] = {uri, NULL};

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct request *req = request_of(NULL, env);
        struct response res = {.details = "{\"index\":1}"};
        struct error err;
        const char *text;

        error_set(&err, kinds[i].kind, "some_code", "say \"why\"");
        http_fail(req, &res, &err);
        text = sent(req, req, &res);
        assert_memory_equal(text, kinds[i].status, strlen(kinds[i].status));
        assert_non_null(strstr(text, kinds[i].header));
        assert_non_null(strstr(text,
                               "\r\n\r\n{\"success\":false,\"error\":{"
                               "\"code\":\"some_code\",\"message\":\"say "
                               "\\\"why\\\"\",\"details\":{\"index\":1}}}"));
        talloc_free(req);
    }
}

static void a_failure_may_say_when_to_come_back(void **state)
{
    char *env[] = {NULL};
    struct request *req = request_of(NULL, env);
    struct response res = {0};
    struct error err;

    (void)state;
    error_set(&err, ERROR_TOO_MANY, "too_many_posts", "slow down");
    err.retry_after_s = 75;
    http_fail(req, &res, &err);
    assert_non_null(strstr(sent(req, req, &res), "\r\nRetry-After: 75\r\n"));
    talloc_free(req);
}

static void what_is_our_fault_is_not_told(void **state)
{
    char *env[] = {NULL};
    struct request *req = request_of(NULL, env);
    struct response res = {0};
    struct error err;
    const char *text;

    (void)state;
    error_set(&err, ERROR_INTERNAL, "internal_error", "column secret");
    http_fail(req, &res, &err);
    text = sent(req, req, &res);
    assert_non_null(strstr(text, "Status: 500"));
    assert_null(strstr(text, "secret"));
    talloc_free(req);
}

static void a_file_goes_by_nginx(void **state)
{
    char *env[] = {NULL};
    struct request *req = request_of(NULL, env);
    struct response res = {0};
    const char *text;

    (void)state;
    http_send_file(req, &res, "artifacts/7f/id/1/\303\244 \"1\"%.csv",
                   "\303\244 \"1\"%.csv", "text/csv");
    text = sent(req, req, &res);
    assert_non_null(strstr(text,
                           "X-Accel-Redirect: /-/millrace/artifacts/7f/"
                           "id/1/%C3%A4%20%221%22%25.csv\r\n"));
    assert_non_null(
        strstr(text,
               "Content-Disposition: attachment; filename=\"__ _1__.csv\"; "
               "filename*=UTF-8''%C3%A4%20%221%22%25.csv\r\n"));
    assert_non_null(strstr(text, "Content-Type: text/csv\r\n"));
    assert_non_null(strstr(text, "X-Content-Type-Options: nosniff\r\n"));
    talloc_free(req);
}

static const struct {
    const char *prefer;
    int64_t seconds;
} prefers[] = {
    {NULL,                              0        },
    {"",                                0        },
    {"wait=5",                          5        },
    {"WAIT = 5",                        5        },
    {"wait=\"7\"",                      7        },
    {"respond-async, wait=10",          10       },
    {"respond-async;foo=\"x\"; wait=3", 3        },
    {"wait",                            0        },
    {"wait=",                           0        },
    {"wait=x",                          0        },
    {"wait=-1",                         0        },
    {"waiting=5",                       0        },
    {"nowait=5",                        0        },
    {"wait=auto",                       PREFER_AUTO},
    {"respond-async, Wait=\"Auto\"",    PREFER_AUTO},
    {"wait=automatic",                  0        },
    {"wait=999999999",                  999999999},
    {"wait=9999999999999999999999",     0        },
};

static void the_preference_to_wait_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(prefers); i++)
        assert_int_equal(prefer_seconds(prefers[i].prefer), prefers[i].seconds);
}

static void what_is_encoded_decodes_to_itself(void **state)
{
    static const char text[] = "a/b c%20+\303\244\"'~-._";
    void *mem = talloc_new(NULL);
    char *once = url_encode(mem, text), *back;
    struct error err;

    (void)state;
    assert_null(strpbrk(once, "/ +\"'"));
    assert_true(url_decode(mem, once, strlen(once), true, &back, &err));
    assert_string_equal(back, text);
    assert_string_equal(url_encode_path(mem, "a/b c"), "a/b%20c");
    talloc_free(mem);
}

static const struct {
    const char *value;
    bool ok;
    int64_t number;
} numbers[] = {
    {NULL,                   true,  7},
    {"1",                    true,  1},
    {"9",                    true,  9},
    {"0",                    false, 0},
    {"10",                   false, 0},
    {"",                     false, 0},
    {" 1",                   false, 0},
    {"+1",                   false, 0},
    {"1x",                   false, 0},
    {"1.0",                  false, 0},
    {"99999999999999999999", false, 0},
};

static void numbers_keep_within_their_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct http_arg arg = {"limit", numbers[i].value};
        struct request req = {.args = &arg,
                              .arg_count = numbers[i].value != NULL};
        struct error err = {0};
        int64_t number = 0;

        assert_int_equal(http_arg_int(&req, "limit", 1, 9, 7, &number, &err),
                         numbers[i].ok);
        assert_int_equal(number, numbers[i].number);
        if (!numbers[i].ok)
            assert_string_equal(err.code, "invalid_parameter");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_what_there_is),
        cmocka_unit_test(variables_make_a_request),
        cmocka_unit_test(a_broken_length_is_none),
        cmocka_unit_test(a_header_cannot_begin_another),
        cmocka_unit_test(head_sends_no_body),
        cmocka_unit_test(each_kind_of_failure_has_its_status),
        cmocka_unit_test(a_failure_may_say_when_to_come_back),
        cmocka_unit_test(what_is_our_fault_is_not_told),
        cmocka_unit_test(a_file_goes_by_nginx),
        cmocka_unit_test(the_preference_to_wait_is_read),
        cmocka_unit_test(what_is_encoded_decodes_to_itself),
        cmocka_unit_test(numbers_keep_within_their_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
