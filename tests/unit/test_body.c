#include "elements.h"
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Comes in pieces; with `breaks` the client goes away at its end. */
struct source {
    const char *at;
    int piece;
    bool breaks;
};

static int read_piece(void *arg, char *into, int size)
{
    struct source *source = arg;
    int len = (int)strlen(source->at);
    int count = source->piece < size ? source->piece : size;

    if (count > len)
        count = len;
    memcpy(into, source->at, (size_t)count);
    source->at += count;
    return count == 0 && source->breaks ? -1 : count;
}

static struct request *request_of(void *mem, struct source *source,
                                  int64_t length, int64_t limit)
{
    struct request *req = talloc_zero(mem, struct request);

    req->body.read = read_piece;
    req->body.source = source;
    req->body.length = length;
    req->body.limit = limit;
    return req;
}

static const struct {
    const char *body;
    int64_t length, limit;
    bool breaks;
    const char *code; /* NULL: it is read */
} bodies[] = {
    {"",           0,  10, false, NULL             },
    {"",           -1, 10, false, NULL             },
    {"0123456789", 10, 10, false, NULL             },
    {"0123456789", -1, 10, false, NULL             },
    {"0123456789", 10, 9,  false, "body_too_large" },
    {"0123456789", -1, 9,  false, "body_too_large" },
    {"0123",       4,  0,  false, "body_too_large" },
    {"0123",       10, 99, false, "incomplete_body"},
    {"0123",       10, 99, true,  "incomplete_body"},
    {"0123",       -1, 99, true,  "incomplete_body"},
};

static void bodies_are_read_within_their_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        for (int piece = 1; piece < 12; piece++) {
            void *mem = talloc_new(NULL);
            struct source source = {bodies[i].body, piece, bodies[i].breaks};
            struct request *req =
                request_of(mem, &source, bodies[i].length, bodies[i].limit);
            struct error err = {0};

            assert_int_equal(http_text(req, &err), !bodies[i].code);
            if (bodies[i].code)
                assert_string_equal(err.code, bodies[i].code);
            else
                assert_string_equal(req->text, bodies[i].body);
            talloc_free(mem);
        }
    }
}

static void a_long_body_without_a_length_is_whole(void **state)
{
    void *mem = talloc_new(NULL);
    char *body = talloc_zero_size(mem, 100001);
    struct source source = {body, 777, false};
    struct request *req = request_of(mem, &source, -1, 200000);
    struct error err;

    (void)state;
    memset(body, 'x', 100000);
    assert_true(http_text(req, &err));
    assert_int_equal(req->text_len, 100000);
    assert_string_equal(req->text, body);
    talloc_free(mem);
}

static const struct {
    const char *type, *body, *code; /* code NULL: it is read */
} jsons[] = {
    {NULL,                                "{}",                  NULL                    },
    {"",                                  "{}",                  NULL                    },
    {"application/json",                  " {} ",                NULL                    },
    {"Application/JSON; charset=utf-8",   "{}",                  NULL                    },
    {"application/merge-patch+json",      "{}",                  NULL                    },
    {"text/plain",                        "{}",                  "unsupported_media_type"},
    {"application/jsonx",                 "{}",                  "unsupported_media_type"},
    {"application/x-www-form-urlencoded", "a=b",                 "unsupported_media_type"},
    {"application/json",                  "[]",                  "invalid_body"          },
    {"application/json",                  "1",                   "invalid_body"          },
    {"application/json",                  "",                    "invalid_json"          },
    {"application/json",                  "{",                   "invalid_json"          },
    {"application/json",                  "{\"a\":1,\"a\":2}",   "duplicate_member"      },
    {"application/json",                  "{\"a\":\"\xff\"}",    "invalid_utf8"          },
    {"application/json",                  "{\"a\":\"\\u0000\"}", "null_character"        },
};

static void json_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jsons); i++) {
        void *mem = talloc_new(NULL);
        struct source source = {jsons[i].body, 4, false};
        struct request *req =
            request_of(mem, &source, (int64_t)strlen(jsons[i].body), 1000);
        struct error err = {0};
        json_t *json;

        req->content_type = jsons[i].type;
        assert_int_equal(http_json(req, &json, &err), !jsons[i].code);
        if (jsons[i].code)
            assert_string_equal(err.code, jsons[i].code);
        talloc_free(mem);
    }
}

static void elements_come_as_they_were_written(void **state)
{
    static const char text[] =
        " [ 1.50 , \"a],\\\"\" , {\"b\": [1, \"}\"]},[ ], null ] ";
    static const char *const want[] = {"1.50 ", "\"a],\\\"\" ",
                                       "{\"b\": [1, \"}\"]}", "[ ]", "null "};
    const char *value;
    size_t at = 0, len;

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(elements_next(text, strlen(text), &at, &value, &len));
        assert_int_equal(len, strlen(want[i]));
        assert_memory_equal(value, want[i], len);
    }
    assert_false(elements_next(text, strlen(text), &at, &value, &len));
}

static void an_empty_array_has_no_elements(void **state)
{
    const char *value;
    size_t at = 0, len;

    (void)state;
    assert_false(elements_next(" [ ] ", 5, &at, &value, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read_within_their_limit),
        cmocka_unit_test(a_long_body_without_a_length_is_whole),
        cmocka_unit_test(json_is_checked),
        cmocka_unit_test(elements_come_as_they_were_written),
        cmocka_unit_test(an_empty_array_has_no_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
