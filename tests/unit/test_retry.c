#include "retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)

/* Read a policy on top of the default one. */
static bool read_policy(const char *text, struct retry *ret, struct error *err)
{
    void *mem = talloc_new(NULL);
    json_t *json;
    bool ok;

    *ret = retry_default;
    ok = json_parse(mem, text, strlen(text), &json, err) &&
         retry_read(json, ret, err);
    talloc_free(mem);
    return ok;
}

static const struct {
    const char *policy;
    int attempt;
    int64_t delay_ms;
} delays[] = {
    {"{\"jitter\": false}",                                           1,   1000   },
    {"{\"jitter\": false}",                                           2,   2000   },
    {"{\"jitter\": false}",                                           5,   16000  },
    {"{\"jitter\": false}",                                           10,  512000 },
    {"{\"jitter\": false}",                                           11,  600000 },
    {"{\"jitter\": false}",                                           100, 600000 },
    {"{\"jitter\": false, \"backoff\": \"linear\"}",                  1,   1000   },
    {"{\"jitter\": false, \"backoff\": \"linear\"}",                  4,   4000   },
    {"{\"jitter\": false, \"backoff\": \"linear\", \"max\": \"3s\"}", 4,   3000   },
    {"{\"jitter\": false, \"backoff\": \"constant\"}",                1,   1000   },
    {"{\"jitter\": false, \"backoff\": \"constant\"}",                50,  1000   },
    {"{\"jitter\": false, \"initial\": \"250ms\"}",                   3,   1000   },
    {"{\"jitter\": false, \"initial\": \"0s\"}",                      9,   0      },
    {"{\"jitter\": false, \"initial\": \"2h\", \"max\": \"1h\"}",     1,   HOUR_MS},
};

#define LIST "{\"jitter\": false, \"delays\": [\"1s\", \"10s\", \"1h\"]"

static void a_list_has_its_delays_and_the_last_repeats(void **state)
{
    static const struct {
        const char *policy;
        int attempt;
        int64_t delay_ms;
    } cases[] = {
        {LIST "}",                                    1,   1000   },
        {LIST "}",                                    2,   10000  },
        {LIST "}",                                    3,   HOUR_MS},
        {LIST "}",                                    4,   HOUR_MS},
        {LIST "}",                                    100, HOUR_MS},
        {LIST ", \"max\": \"5s\"}",                   2,   5000   },
        {"{\"jitter\": false, \"delays\": [\"0s\"]}", 7,   0      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct retry retry;
        struct error err;

        assert_true(read_policy(cases[i].policy, &retry, &err));
        assert_int_equal(retry_delay_ms(&retry, cases[i].attempt, 0.99),
                         cases[i].delay_ms);
    }
}

static void a_list_has_jitter_too(void **state)
{
    struct retry retry;
    struct error err;

    (void)state;
    assert_true(read_policy("{\"delays\": [\"10s\"]}", &retry, &err));
    assert_int_equal(retry_delay_ms(&retry, 1, 0), 5000);
    assert_int_equal(retry_delay_ms(&retry, 1, 0.999999999), 10000);
}

/* A policy with so many delays, on `mem`. */
static char *list_of(void *mem, int count)
{
    char *text = talloc_strdup(mem, "{\"delays\": [\"1s\"");

    for (int i = 1; i < count; i++)
        text = talloc_strdup_append(text, ", \"2s\"");
    return talloc_strdup_append(text, "]}");
}

static void a_list_has_100_delays_at_most(void **state)
{
    void *mem = talloc_new(NULL);
    struct retry retry;
    struct error err;

    (void)state;
    assert_true(read_policy(list_of(mem, RETRY_MAX_DELAYS), &retry, &err));
    assert_int_equal(retry.delay_count, RETRY_MAX_DELAYS);
    assert_false(read_policy(list_of(mem, RETRY_MAX_DELAYS + 1), &retry, &err));
    assert_string_equal(err.code, "invalid_retry");
    talloc_free(mem);
}

static void each_backoff_has_its_delays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(delays) / sizeof(*delays); i++) {
        struct retry retry;
        struct error err;

        assert_true(read_policy(delays[i].policy, &retry, &err));
        assert_int_equal(retry_delay_ms(&retry, delays[i].attempt, 0.99),
                         delays[i].delay_ms);
    }
}

static void jitter_draws_from_the_upper_half(void **state)
{
    (void)state;
    for (int attempt = 1; attempt < 20; attempt++) {
        struct retry plain = retry_default;
        int64_t full, least, most;

        plain.jitter = false;
        full = retry_delay_ms(&plain, attempt, 0);
        least = retry_delay_ms(&retry_default, attempt, 0.0);
        most = retry_delay_ms(&retry_default, attempt, 0.999999999);
        assert_int_equal(least, full / 2);
        assert_int_equal(most, full);
    }
}

/* The largest durations that there are do not overflow. */
static void ten_years_are_the_most(void **state)
{
    const int64_t max_ms = INT64_C(315360000000);
    struct retry retry;
    struct error err;

    (void)state;
    assert_true(read_policy("{\"initial\": \"3650d\", \"max\": \"3650d\"}",
                            &retry, &err));
    for (int attempt = 1; attempt <= 100; attempt++)
        assert_int_equal(retry_delay_ms(&retry, attempt, 0.999999999999),
                         max_ms);
}

static const struct {
    const char *policy, *code, *text;
} mistakes[] = {
    {"[]",                                              "invalid_retry",    "object"    },
    {"{\"backof\": \"linear\"}",                        "unknown_member",   "\"backof\""},
    {"{\"backoff\": \"quick\"}",                        "invalid_retry",    "backoff"   },
    {"{\"backoff\": 3}",                                "invalid_retry",    "backoff"   },
    {"{\"initial\": 5}",                                "invalid_duration", "initial"   },
    {"{\"initial\": \"5 seconds\"}",                    "invalid_duration", "initial"   },
    {"{\"max\": \"-1s\"}",                              "invalid_duration", "max"       },
    {"{\"jitter\": \"yes\"}",                           "invalid_retry",    "jitter"    },
    {"{\"delays\": []}",                                "invalid_retry",    "delays"    },
    {"{\"delays\": \"1s\"}",                            "invalid_retry",    "delays"    },
    {"{\"delays\": [1]}",                               "invalid_duration", "delays"    },
    {"{\"delays\": [\"1s\", \"x\"]}",                   "invalid_duration", "delays"    },
    {"{\"delays\": [\"1s\"], \"initial\": \"1s\"}",     "invalid_retry",
     "excludes"                                                                         },
    {"{\"backoff\": \"linear\", \"delays\": [\"1s\"]}", "invalid_retry",
     "excludes"                                                                         },
};

static void a_mistake_is_named_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        struct retry retry;
        struct error err;

        assert_false(read_policy(mistakes[i].policy, &retry, &err));
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, mistakes[i].code);
        assert_non_null(strstr(err.text, mistakes[i].text));
        assert_memory_equal(&retry, &retry_default, sizeof(retry));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_backoff_has_its_delays),
        cmocka_unit_test(a_list_has_its_delays_and_the_last_repeats),
        cmocka_unit_test(a_list_has_jitter_too),
        cmocka_unit_test(a_list_has_100_delays_at_most),
        cmocka_unit_test(jitter_draws_from_the_upper_half),
        cmocka_unit_test(ten_years_are_the_most),
        cmocka_unit_test(a_mistake_is_named_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
