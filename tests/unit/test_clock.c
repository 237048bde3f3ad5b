#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
    const char *text;
    int64_t ms;
} good_times[] = {
    {"1970-01-01T00:00:00Z",            0              },
    {"1970-01-01T00:00:00.000Z",        0              },
    {"2026-11-22T01:40:00.000Z",        1795311600000  },
    {"2026-11-22T02:40:00+01:00",       1795311600000  },
    {"2026-11-21T20:10:00-05:30",       1795311600000  },
    {"2026-11-22t01:40:00z",            1795311600000  },
    {"2026-11-22 01:40:00Z",            1795311600000  },
    {"2026-11-22T01:40:00-00:00",       1795311600000  },
    {"2026-11-22T01:40:00.5Z",          1795311600500  },
    {"2026-11-22T01:40:00.0129999999Z", 1795311600012  },
    {"2024-02-29T00:00:00Z",            1709164800000  },
    {"2000-02-29T00:00:00Z",            951782400000   },
    {"1969-12-31T23:59:59.999Z",        -1             },
    {"2016-12-31T23:59:60Z",            1483228800000  },
    {"2016-12-31T15:59:60.250-08:00",   1483228800250  },
    {"0001-01-01T00:00:00Z",            -62135596800000},
    {"9999-12-31T23:59:59.999Z",        253402300799999},
};

static void times_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_times); i++) {
        struct error err = {0};
        int64_t ms = -7;

        if (!clock_parse(good_times[i].text, &ms, &err))
            fail_msg("%s: %s", good_times[i].text, err.text);
        if (ms != good_times[i].ms)
            fail_msg("%s is %lld", good_times[i].text, (long long)ms);
    }
}

static const char *const bad_times[] = {
    "",
    "now",
    "2026-11-22",
    "2026-11-22T01:40:00",
    "2026-11-22T01:40Z",
    "2026-11-22T01:40:00.Z",
    "2026-11-22T01:40:00+0100",
    "2026-11-22T01:40:00+01",
    "2026-11-22T01:40:00+24:00",
    "2026-11-22T01:40:00+01:60",
    "2026-11-22T01:40:00Z ",
    " 2026-11-22T01:40:00Z",
    "2026-11-22T01:40:00ZZ",
    "2026-11-22x01:40:00Z",
    "2026-1-22T01:40:00Z",
    "2026-11-22T1:40:00Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T01:60:00Z",
    "2026-11-22T01:40:61Z",
    "2026-11-22T01:40:60Z",
    "2016-12-31T23:59:60+01:00",
    "2026-00-22T01:40:00Z",
    "2026-13-22T01:40:00Z",
    "2026-11-00T01:40:00Z",
    "2026-11-31T01:40:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "-026-11-22T01:40:00Z",
    "+2026-11-22T01:40:00Z",
};

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_times); i++) {
        struct error err = {0};
        int64_t ms = -7;

        if (clock_parse(bad_times[i], &ms, &err))
            fail_msg("\"%s\" was taken as %lld", bad_times[i], (long long)ms);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, "invalid_time");
        assert_non_null(strstr(err.text, bad_times[i]));
        assert_int_equal(ms, -7);
    }
}

static const struct {
    int64_t ms;
    const char *text;
} time_texts[] = {
    {0,               "1970-01-01T00:00:00.000Z"},
    {1795311600000,   "2026-11-22T01:40:00.000Z"},
    {1795311600007,   "2026-11-22T01:40:00.007Z"},
    {-1,              "1969-12-31T23:59:59.999Z"},
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
    {INT64_MIN,       "0001-01-01T00:00:00.000Z"},
    {INT64_MAX,       "9999-12-31T23:59:59.999Z"},
};

static void times_are_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(time_texts); i++) {
        void *mem = talloc_new(NULL);

        assert_string_equal(clock_text(mem, time_texts[i].ms),
                            time_texts[i].text);
        talloc_free(mem);
    }
}

static void a_written_time_reads_back(void **state)
{
    (void)state;
    for (int64_t ms = -61000000000000; ms < 253000000000000;
         ms += 987654321987) {
        char text[CLOCK_TEXT];
        struct error err = {0};
        int64_t back = 0;

        clock_format(ms, text);
        assert_true(clock_parse(text, &back, &err));
        assert_int_equal(back, ms);
    }
}

static void the_clocks_run(void **state)
{
    int64_t now = clock_now_ms(), mono = clock_mono_ms();

    (void)state;
    assert_in_range(now, 1700000000000, 253402300799999);
    while (clock_mono_ms() == mono)
        ;
    assert_true(clock_mono_ms() > mono);
}

static const struct {
    const char *text;
    int64_t ms;
} good_durations[] = {
    {"500ms",          500         },
    {"90s",            90000       },
    {"10m",            600000      },
    {"2h",             7200000     },
    {"7d",             604800000   },
    {"1h30m",          5400000     },
    {"1d2h3m4s5ms",    93784005    },
    {"0s",             0           },
    {"0h0ms",          0           },
    {"007s",           7000        },
    {"90m",            5400000     },
    {"3650d",          315360000000},
    {"315360000000ms", 315360000000},
};

static void durations_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_durations); i++) {
        struct error err = {0};
        int64_t ms = -7;

        if (!duration_parse(good_durations[i].text, &ms, &err))
            fail_msg("%s: %s", good_durations[i].text, err.text);
        if (ms != good_durations[i].ms)
            fail_msg("%s is %lld", good_durations[i].text, (long long)ms);
    }
}

static const char *const bad_durations[] = {
    "",
    "10",
    "s",
    "-5s",
    "+5s",
    " 5s",
    "5s ",
    "5 s",
    "1.5h",
    "5S",
    "5sec",
    "5w",
    "30m1h",
    "1h1h",
    "1s5",
    "3651d",
    "3650d1ms",
    "1h30",
    "0x10s",
    "99999999999999999999s",
    "5ms1s",
    "18446744073709551617ms",
    "9223372036854775807d",
};

static void what_is_no_duration_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_durations); i++) {
        struct error err = {0};
        int64_t ms = -7;

        if (duration_parse(bad_durations[i], &ms, &err))
            fail_msg("\"%s\" was taken as %lld", bad_durations[i],
                     (long long)ms);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, "invalid_duration");
        assert_int_equal(ms, -7);
    }
}

static const struct {
    int64_t ms;
    const char *text;
} duration_texts[] = {
    {0,            "0s"         },
    {1,            "1ms"        },
    {500,          "500ms"      },
    {1000,         "1s"         },
    {1500,         "1500ms"     },
    {2500,         "2s500ms"    },
    {60000,        "1m"         },
    {90000,        "90s"        },
    {150000,       "2m30s"      },
    {600000,       "10m"        },
    {3600000,      "1h"         },
    {5400000,      "1h30m"      },
    {86400000,     "1d"         },
    {129600000,    "1d12h"      },
    {93784005,     "1d2h3m4s5ms"},
    {315360000000, "3650d"      },
};

static void durations_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(duration_texts); i++) {
        void *mem = talloc_new(NULL);

        assert_string_equal(duration_text(mem, duration_texts[i].ms),
                            duration_texts[i].text);
        talloc_free(mem);
    }
}

static void a_written_duration_reads_back(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 315360000000; ms = ms * 21 / 20 + 1) {
        void *mem = talloc_new(NULL);
        struct error err = {0};
        int64_t back = -7;

        assert_true(duration_parse(duration_text(mem, ms), &back, &err));
        assert_int_equal(back, ms);
        talloc_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(a_written_time_reads_back),
        cmocka_unit_test(the_clocks_run),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written),
        cmocka_unit_test(a_written_duration_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
