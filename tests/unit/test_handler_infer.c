#include "infer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    enum value_class want;
} texts[] = {
    {"",                          VALUE_EMPTY   },
    {"  ",                        VALUE_EMPTY   },
    {"NULL",                      VALUE_EMPTY   },
    {"\\N",                       VALUE_EMPTY   },
    {"n/a",                       VALUE_EMPTY   },
    {"NaN",                       VALUE_EMPTY   },
    {"0",                         VALUE_INTEGER },
    {"-12",                       VALUE_INTEGER },
    {" 42 ",                      VALUE_INTEGER },
    {"123456789012345678901",     VALUE_INTEGER },
    {"0.5",                       VALUE_NUMBER  },
    {".5",                        VALUE_NUMBER  },
    {"5.",                        VALUE_NUMBER  },
    {"1e5",                       VALUE_NUMBER  },
    {"-1.5E-10",                  VALUE_NUMBER  },
    {"007",                       VALUE_CODE    },
    {"00",                        VALUE_CODE    },
    {"true",                      VALUE_BOOLEAN },
    {"No",                        VALUE_BOOLEAN },
    {"y",                         VALUE_BOOLEAN },
    {"2024-02-29",                VALUE_DATE    },
    {"2024/3/5",                  VALUE_DATE    },
    {"05.03.2024",                VALUE_DATE    },
    {"31/12/2024",                VALUE_DATE    },
    {"12/31/2024",                VALUE_DATE    },
    {"2024-03-05T14:30",          VALUE_DATETIME},
    {"2024-03-05 14:30:05.123",   VALUE_DATETIME},
    {"2024-03-05T14:30:05Z",      VALUE_DATETIME},
    {"2024-03-05T14:30:05+02:00", VALUE_DATETIME},
    {"05.03.2024 14:30",          VALUE_DATETIME},
    {"2023-02-29",                VALUE_TEXT    },
    {"2024-13-01",                VALUE_TEXT    },
    {"2024-01-01T25:00",          VALUE_TEXT    },
    {"2024-01-01T10:00x",         VALUE_TEXT    },
    {"13/13/2024",                VALUE_TEXT    },
    {"1e999",                     VALUE_TEXT    },
    {"1.2.3",                     VALUE_TEXT    },
    {"1,234",                     VALUE_TEXT    },
    {"1e",                        VALUE_TEXT    },
    {"--1",                       VALUE_TEXT    },
    {"-",                         VALUE_TEXT    },
    {".",                         VALUE_TEXT    },
    {"12 34",                     VALUE_TEXT    },
    {"0x10",                      VALUE_TEXT    },
    {"yesterday",                 VALUE_TEXT    },
    {"NA",                        VALUE_TEXT    },
    {"caf\xC3\xA9",               VALUE_TEXT    },
};

static void each_text_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct value value;

        infer(texts[i].text, strlen(texts[i].text), '.', &value);
        if (value.class != texts[i].want)
            print_error("\"%s\"\n", texts[i].text);
        assert_int_equal(value.class, texts[i].want);
    }
}

static void numbers_have_their_value(void **state)
{
    static const struct {
        const char *text;
        char decimal;
        double want;
    } cases[] = {
        {"0",                           '.', 0                      },
        {"-17",                         '.', -17                    },
        {"3.25",                        '.', 3.25                   },
        {"0.1",                         '.', 0.1                    },
        {"-1.5e3",                      '.', -1500                  },
        {"12345678901234567890.5",      '.', 1.2345678901234567e19  },
        {"2.2250738585072014e-308",     '.', 2.2250738585072014e-308},
        {"3,14",                        ',', 3.14                   },
        {"3.14",                        ',', 3.14                   },
        {"-0,000000000000000000000001", ',', -1e-24                 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct value value;

        infer(cases[i].text, strlen(cases[i].text), cases[i].decimal, &value);
        assert_true(value.class == VALUE_INTEGER ||
                    value.class == VALUE_NUMBER);
        assert_true(value.number >= cases[i].want &&
                    value.number <= cases[i].want);
    }
}

static void times_are_put_in_order(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"1970-01-01",                0              },
        {"1969-12-31",                -86400000      },
        {"2000-02-29T12:00:00.5",     951825600500   },
        {"2024-03-05T14:30:05+02:00", 1709641805000  },
        {"0001-01-01",                -62135596800000},
        {"9999-12-31T23:59:59.999Z",  253402300799999},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct when when;

        assert_true(when_parse(cases[i].text, strlen(cases[i].text), &when));
        assert_int_equal(when.at_ms[WHEN_DAY_FIRST], cases[i].want);
        assert_int_equal(when.at_ms[WHEN_MONTH_FIRST], cases[i].want);
    }
}

static void slashed_dates_have_two_readings(void **state)
{
    struct when when;

    (void)state;
    assert_true(when_parse("03/04/2024", 10, &when));
    assert_int_equal(when.at_ms[WHEN_DAY_FIRST], 1712102400000);
    assert_int_equal(when.at_ms[WHEN_MONTH_FIRST], 1709510400000);
    assert_true(when_parse("25/04/2024", 10, &when));
    assert_true(when.at_ms[WHEN_MONTH_FIRST] == WHEN_NEVER);
}

static void times_are_written_in_iso_form(void **state)
{
    char text[40];

    (void)state;
    when_format(-1, true, text, sizeof(text));
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    when_format(951782400000, false, text, sizeof(text));
    assert_string_equal(text, "2000-02-29");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_has_its_class),
        cmocka_unit_test(numbers_have_their_value),
        cmocka_unit_test(times_are_put_in_order),
        cmocka_unit_test(slashed_dates_have_two_readings),
        cmocka_unit_test(times_are_written_in_iso_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
