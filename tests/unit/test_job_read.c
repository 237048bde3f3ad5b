#include "job_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FILE_ID      "01890a5d-ac96-774b-bcce-b302099a8057"

static bool read_text(void *mem, const char *text, struct new_job *ret,
                      const char **ret_member, struct error *err)
{
    json_t *json;

    assert_true(json_parse(mem, text, strlen(text), &json, err));
    return job_read(mem, json, text, strlen(text), ret, ret_member, err);
}

static void good(void *mem, const char *text, struct new_job *ret)
{
    const char *member;
    struct error err = {0};

    if (!read_text(mem, text, ret, &member, &err))
        fail_msg("%s: %s", text, err.text);
    assert_true(uuid_valid(ret->id));
}

static void a_type_is_enough(void **state)
{
    void *mem = talloc_new(NULL);
    struct new_job job;

    (void)state;
    good(mem, "{\"type\": \"noop\"}", &job);
    assert_string_equal(job.type, "noop");
    assert_string_equal(job.payload, "{}");
    assert_null(job.queue);
    assert_null(job.priority);
    assert_null(job.run_at);
    assert_null(job.tags);
    assert_false(job.later);
    talloc_free(mem);
}

static void every_member_is_read(void **state)
{
    void *mem = talloc_new(NULL);
    struct new_job job;

    (void)state;
    good(mem,
         "{\"type\":\"a\",\"queue\":\"q.1\",\"priority\":-7,"
         "\"delay\":\"90s\",\"timeout\":\"2m\",\"maxAttempts\":5,"
         "\"retry\":{ \"max\":\"1h\" },\"tags\":[\"x\",\"y z\"],"
         "\"files\":[\"" FILE_ID "\"]}",
         &job);
    assert_string_equal(job.queue, "q.1");
    assert_string_equal(job.priority, "-7");
    assert_string_equal(job.delay_ms, "90000");
    assert_string_equal(job.timeout_ms, "120000");
    assert_string_equal(job.max_attempts, "5");
    assert_string_equal(job.retry, "{ \"max\":\"1h\" }");
    assert_non_null(strstr(job.tags, "y z"));
    assert_non_null(strstr(job.files, FILE_ID));
    assert_true(job.later);
    talloc_free(mem);
}

static void the_payload_stays_as_it_was_written(void **state)
{
    static const char *const payloads[] = {
        "null", "1.50", "[1, 2]", "{ \"a\" : 1e2,\"b\":\"\\u00e4\" }", "\"x\""};

    (void)state;
    for (size_t i = 0; i < COUNT(payloads); i++) {
        void *mem = talloc_new(NULL);
        struct new_job job;

        good(mem,
             talloc_asprintf(mem, "{\"payload\": %s , \"type\": \"a\"}",
                             payloads[i]),
             &job);
        assert_string_equal(job.payload, payloads[i]);
        talloc_free(mem);
    }
}

static void null_is_as_if_left_out(void **state)
{
    void *mem = talloc_new(NULL);
    struct new_job job;

    (void)state;
    good(mem,
         "{\"type\":\"a\",\"queue\":null,\"priority\":null,\"runAt\":null,"
         "\"delay\":null,\"timeout\":null,\"maxAttempts\":null,\"retry\":null,"
         "\"tags\":null,\"files\":null}",
         &job);
    assert_null(job.queue);
    assert_null(job.retry);
    assert_null(job.tags);
    talloc_free(mem);
}

static const struct {
    const char *members, *extra, *needs, *ref;
    bool admin_only;
} rare[] = {
    {"\"uniqueKey\":\"x\"",                                "\"uniqueKey\":\"x\"", NULL, NULL, false},
    {"\"rateLimit\": { \"limit\" : 1.0 },\"serialKey\":5",
     "\"rateLimit\":{ \"limit\" : 1.0 },\"serialKey\":5",                         NULL, NULL, false},
    {"\"uniqueKey\":null,\"expiresIn\":null,\"ref\":null", NULL,                  NULL, NULL,
     false                                                                                         },
    {"\"fairKey\":\"x\"",                                  "\"fairKey\":\"x\"",   NULL, NULL, true },
    {"\"fairKey\":null",                                   NULL,                  NULL, NULL, false},
    {"\"dependsOn\":[ \"a\"],\"batchId\":\"b\"",           "\"batchId\":\"b\"",
     "[ \"a\"]",                                                                        NULL, false},
    {"\"dependsOn\":5",                                    NULL,                  "5",  NULL, false},
    {"\"ref\":\"a\"",                                      NULL,                  NULL, "a",  false},
};

static void same(const char *got, const char *want)
{
    if (!want)
        assert_null(got);
    else
        assert_string_equal(got, want);
}

static void rare_options_go_on_as_they_were_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rare); i++) {
        void *mem = talloc_new(NULL);
        struct new_job job;

        good(mem, talloc_asprintf(mem, "{\"type\":\"a\",%s}", rare[i].members),
             &job);
        same(job.extra, rare[i].extra);
        same(job.needs, rare[i].needs);
        same(job.ref, rare[i].ref);
        assert_int_equal(job.admin_only, rare[i].admin_only);
        talloc_free(mem);
    }
}

static void a_time_that_has_passed_is_now(void **state)
{
    void *mem = talloc_new(NULL);
    struct new_job job;

    (void)state;
    good(mem, "{\"type\":\"a\",\"runAt\":\"2001-02-03T04:05:06+01:00\"}", &job);
    assert_string_equal(job.run_at, "2001-02-03T03:05:06.000Z");
    assert_false(job.later);
    good(mem, "{\"type\":\"a\",\"runAt\":\"2999-01-01T00:00:00Z\"}", &job);
    assert_true(job.later);
    good(mem, "{\"type\":\"a\",\"delay\":\"0s\"}", &job);
    assert_false(job.later);
    talloc_free(mem);
}

static const struct {
    const char *text, *type, *priority, *payload;
} documents[] = {
    {"{\"code\":\"p\\\"y\",\"documentType\":\"sheet\",\"title\":\"T\","
     "\"sessionId\":\"s\",\"userId\":123,\"priority\":0}", "sheet", "0",
     "{\"code\": \"p\\\"y\", \"title\": \"T\", \"sessionId\": \"s\", "
     "\"userId\": 123}"                                                            },
    {"{\"documentType\":\"a\"}",                                "a",     NULL, "{}"},
    {"{\"document\\u0054ype\":\"a\",\"priority\":\"high\"}",    "a",     "50", "{}"},
    {"{\"documentType\":\"a\",\"payload\":1.0,\"queue\":2}",    "a",     NULL,
     "{\"payload\": 1.0, \"queue\": 2}"                                            },
};

static void a_document_is_a_job(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        void *mem = talloc_new(NULL);
        struct new_job job;

        good(mem, documents[i].text, &job);
        assert_string_equal(job.type, documents[i].type);
        assert_string_equal(job.payload, documents[i].payload);
        if (documents[i].priority)
            assert_string_equal(job.priority, documents[i].priority);
        else
            assert_null(job.priority);
        talloc_free(mem);
    }
}

static const struct {
    const char *members, *code, *member; /* beside a good type */
} wrong[] = {
    {"\"payloads\":1",                                       "unknown_member",   "payloads"    },
    {"\"ref\":\"\"",                                         "invalid_member",   "ref"         },
    {"\"ref\":5",                                            "invalid_member",   "ref"         },
    {"\"documentType\":\"x\"",                               "unknown_member",   "documentType"},
    {"\"queue\":5",                                          "invalid_member",   "queue"       },
    {"\"queue\":\"\"",                                       "invalid_member",   "queue"       },
    {"\"queue\":\"-a\"",                                     "invalid_member",   "queue"       },
    {"\"queue\":\"a b\"",                                    "invalid_member",   "queue"       },
    {"\"priority\":101",                                     "invalid_member",   "priority"    },
    {"\"priority\":-101",                                    "invalid_member",   "priority"    },
    {"\"priority\":1.5",                                     "invalid_member",   "priority"    },
    {"\"priority\":\"urgent\"",                              "invalid_member",   "priority"    },
    {"\"priority\":true",                                    "invalid_member",   "priority"    },
    {"\"runAt\":5",                                          "invalid_member",   "runAt"       },
    {"\"runAt\":\"tomorrow\"",                               "invalid_time",     "runAt"       },
    {"\"delay\":5",                                          "invalid_member",   "delay"       },
    {"\"delay\":\"5\"",                                      "invalid_duration", "delay"       },
    {"\"delayMs\":-1",                                       "invalid_member",   "delayMs"     },
    {"\"delayMs\":\"1s\"",                                   "invalid_member",   "delayMs"     },
    {"\"delay\":\"1s\",\"delayMs\":1",                       "invalid_member",   "delayMs"     },
    {"\"timeout\":\"0s\"",                                   "invalid_member",   "timeout"     },
    {"\"timeoutMs\":0",                                      "invalid_member",   "timeoutMs"   },
    {"\"maxAttempts\":0",                                    "invalid_member",   "maxAttempts" },
    {"\"maxAttempts\":101",                                  "invalid_member",   "maxAttempts" },
    {"\"maxAttempts\":\"3\"",                                "invalid_member",   "maxAttempts" },
    {"\"retry\":3",                                          "invalid_retry",    "retry"       },
    {"\"retry\":{\"tries\":3}",                              "unknown_member",   "retry"       },
    {"\"tags\":\"a\"",                                       "invalid_member",   "tags"        },
    {"\"tags\":[1]",                                         "invalid_member",   "tags"        },
    {"\"tags\":[\"\"]",                                      "invalid_member",   "tags"        },
    {"\"tags\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1]", "invalid_member",
     "tags"                                                                                    },
    {"\"files\":[\"x\"]",                                    "invalid_member",   "files"       },
    {"\"runAt\":\"2030-01-01T00:00:00Z\",\"delay\":\"1s\"",  "invalid_member",
     NULL                                                                                      },
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        void *mem = talloc_new(NULL);
        const char *member = NULL,
                   *text = talloc_asprintf(mem, "{\"type\":\"a\",%s}",
                                           wrong[i].members);
        struct error err = {0};
        struct new_job job;

        if (read_text(mem, text, &job, &member, &err))
            fail_msg("%s was taken", text);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, wrong[i].code);
        if (wrong[i].member)
            assert_string_equal(member, wrong[i].member);
        else
            assert_null(member);
        talloc_free(mem);
    }
}

static void a_job_without_a_good_type_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"{}",                      "missing_member"},
        {"{\"type\":null}",         "missing_member"},
        {"{\"type\":5}",            "invalid_member"},
        {"{\"type\":\"\"}",         "invalid_member"},
        {"{\"type\":\"a/b\"}",      "invalid_member"},
        {"{\"documentType\":5}",    "invalid_member"},
        {"{\"documentType\":null}", "missing_member"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        void *mem = talloc_new(NULL);
        struct error err = {0};
        struct new_job job;
        const char *member;

        assert_false(read_text(mem, cases[i][0], &job, &member, &err));
        assert_string_equal(err.code, cases[i][1]);
        talloc_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_is_enough),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(the_payload_stays_as_it_was_written),
        cmocka_unit_test(null_is_as_if_left_out),
        cmocka_unit_test(rare_options_go_on_as_they_were_written),
        cmocka_unit_test(a_time_that_has_passed_is_now),
        cmocka_unit_test(a_document_is_a_job),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_job_without_a_good_type_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
