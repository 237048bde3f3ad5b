#include "header.h"
#include "options.h"
#include "profile.h"
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

/* Add a value so many times; *row goes on. */
static void add(struct column *column, const char *text, int times,
                uint64_t *row)
{
    struct csv_field field = {.text = text, .len = strlen(text)};

    while (times-- > 0)
        column_add(column, &field, ++*row, '.');
}

static struct column_summary summarize(struct column *column)
{
    struct column_summary summary;

    column_summarize(column, &summary);
    return summary;
}

static void the_type_is_what_nearly_all_values_are(void **state)
{
    static const struct {
        struct {
            const char *text;
            int times;
        } values[3];
        enum column_type want;
        uint64_t bad;
    } cases[] = {
        {{{"", 9}},                                    COLUMN_EMPTY,    0},
        {{{"1", 9}, {"", 9}},                          COLUMN_INTEGER,  0},
        {{{"1", 99}, {"1.5", 1}},                      COLUMN_NUMBER,   0},
        {{{"1", 95}, {"x", 5}},                        COLUMN_INTEGER,  5},
        {{{"1", 94}, {"x", 6}},                        COLUMN_MIXED,    0},
        {{{"1", 40}, {"x", 60}},                       COLUMN_TEXT,     0},
        {{{"yes", 50}, {"no", 50}},                    COLUMN_BOOLEAN,  0},
        {{{"2024-01-01", 9}},                          COLUMN_DATE,     0},
        {{{"2024-01-01", 9}, {"2024-01-01T10:00", 1}}, COLUMN_DATETIME, 0},
        {{{"12345", 99}, {"01234", 1}},                COLUMN_TEXT,     0},
        {{{"1.5", 98}, {"007", 1}, {"y", 1}},          COLUMN_NUMBER,   1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct column *column = column_new(NULL, "c", 1);
        struct column_summary summary;
        uint64_t row = 0;

        for (int k = 0; k < 3; k++)
            if (cases[i].values[k].text)
                add(column, cases[i].values[k].text, cases[i].values[k].times,
                    &row);
        summary = summarize(column);
        assert_int_equal(summary.type, cases[i].want);
        assert_int_equal(summary.bad_count, cases[i].bad);
        talloc_free(column);
    }
}

static void numbers_have_their_statistics(void **state)
{
    struct column *column = column_new(NULL, "c", 1);
    struct column_summary s;
    uint64_t row = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        add(column, (const char *[]){"2", "4", "-9", "10", ""}[i], 1, &row);
    s = summarize(column);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.empty, 1);
    assert_true(s.whole);
    assert_int_equal(s.whole_min, -9);
    assert_int_equal(s.whole_max, 10);
    assert_string_equal(s.min, "-9");
    assert_true(fabs(s.mean - 1.75) < 1e-12);
    assert_true(fabs(s.deviation - sqrt(188.75 / 3)) < 1e-12);
    assert_true(fabs(s.median - 3) < 1e-12);
    assert_true(s.quantiles_exact);
    assert_int_equal(s.distinct, 4);
    assert_true(s.distinct_exact);
    talloc_free(column);
}

static void large_integers_stay_whole(void **state)
{
    struct column *column = column_new(NULL, "c", 1);
    struct column_summary s;
    uint64_t row = 0;

    (void)state;
    add(column, "900719925474099301", 1, &row);
    add(column, "900719925474099303", 1, &row);
    s = summarize(column);
    assert_string_equal(s.min, "900719925474099301");
    assert_string_equal(s.max, "900719925474099303");
    talloc_free(column);
}

/* The deviation of values far from zero is lost by the naive formula. */
static void the_deviation_survives_a_large_mean(void **state)
{
    struct column *column = column_new(NULL, "c", 1);
    uint64_t row = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        add(column, "1000000000.5", 1, &row);
        add(column, "1000000001.5", 1, &row);
    }
    assert_true(fabs(summarize(column).deviation - 0.500125) < 1e-6);
    talloc_free(column);
}

static void the_first_bad_values_come_in_the_order_of_rows(void **state)
{
    struct column *column = column_new(NULL, "c", 1);
    struct column_summary s;
    uint64_t row = 0;

    (void)state;
    add(column, "1", 200, &row);
    add(column, "x", 2, &row);
    add(column, "true", 2, &row);
    add(column, "y1", 4, &row);
    s = summarize(column);
    assert_int_equal(s.type, COLUMN_INTEGER);
    assert_int_equal(s.bad_count, 8);
    assert_int_equal(s.bad_shown, BAD_VALUES);
    for (size_t i = 0; i < BAD_VALUES; i++)
        assert_int_equal(s.bad[i].row, 201 + i);
    assert_memory_equal(s.bad[2].value.text, "true", 4);
    talloc_free(column);
}

static void slashed_dates_are_read_as_the_column_allows(void **state)
{
    static const struct {
        const char *first, *second, *min, *max;
    } cases[] = {
        {"03/04/2024", "25/01/2024", "2024-01-25", "2024-04-03"},
        {"03/04/2024", "01/25/2024", "2024-01-25", "2024-03-04"},
        {"13/04/2024", "01/25/2024", "",           ""          },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct column *column = column_new(NULL, "c", 1);
        struct column_summary s;
        uint64_t row = 0;

        add(column, cases[i].first, 1, &row);
        add(column, cases[i].second, 1, &row);
        s = summarize(column);
        assert_int_equal(s.type, COLUMN_DATE);
        assert_string_equal(s.min, cases[i].min);
        assert_string_equal(s.max, cases[i].max);
        talloc_free(column);
    }
}

static void long_texts_are_shown_by_their_beginning(void **state)
{
    /* 61 bytes and then one character of two: it must not be cut. */
    static const char text[] =
        "0123456789012345678901234567890123456789"
        "012345678901234567890\xC3\xA9 and more";
    struct column *column = column_new(NULL, "c", 1);
    struct column_summary s;
    uint64_t row = 0;

    (void)state;
    add(column, text, 1, &row);
    s = summarize(column);
    assert_string_equal(s.min,
                        "0123456789012345678901234567890123456789"
                        "012345678901234567890\xE2\x80\xA6");
    assert_int_equal(s.length_max, 71);
    talloc_free(column);
}

static void row_numbers_are_recognised(void **state)
{
    static const struct {
        int first, step;
        bool want;
    } cases[] = {
        {0, 1, true },
        {1, 1, true },
        {2, 1, false},
        {1, 2, false}
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct column *column = column_new(NULL, "c", 1);
        uint64_t row = 0;

        for (int k = 0; k < 50; k++) {
            char text[20];

            snprintf(text, sizeof(text), "%d",
                     cases[i].first + k * cases[i].step);
            add(column, text, 1, &row);
        }
        assert_int_equal(summarize(column).counts_rows, cases[i].want);
        talloc_free(column);
    }
}

static void column_names_are_made_unique(void **state)
{
    static const char *const given[] = {"a", " a ", "a_2", "", "a", "column_4"};
    static const char *const want[] = {"a",        "a_2", "a_2_2",
                                       "column_4", "a_3", "column_4_2"};
    enum { COUNT = sizeof(given) / sizeof(*given) };
    struct csv_field fields[COUNT];
    struct csv_record header = {.fields = fields, .count = COUNT};
    const char **names;

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        fields[i] = (struct csv_field){given[i], strlen(given[i]), false, true};
    names = header_names(NULL, &header);
    for (size_t i = 0; i < COUNT; i++)
        assert_string_equal(names[i], want[i]);
    assert_true(header_is_unnamed(&fields[3]));
    talloc_free(names);
}

static void a_sample_is_the_same_for_the_same_seed(void **state)
{
    struct csv_field field = {.text = "value", .len = 5};
    struct csv_record record = {.fields = &field, .count = 1};
    struct sample *a = sample_new(NULL, 10, 1, 42);
    struct sample *b = sample_new(NULL, 10, 1, 42);
    uint64_t before = 0;

    (void)state;
    for (record.row = 1; record.row <= 1000; record.row++) {
        sample_add(a, &record);
        sample_add(b, &record);
    }
    sample_sort(a);
    sample_sort(b);
    assert_int_equal(sample_count(a), 10);
    for (size_t i = 0; i < 10; i++) {
        struct sample_cursor row = sample_row(a, i);
        size_t len;

        assert_int_equal(row.row, sample_row(b, i).row);
        assert_true(row.row > before);
        before = row.row;
        assert_memory_equal(sample_cell(&row, &len), "value", 5);
        assert_int_equal(len, 5);
    }
    assert_true(before > 500);
    talloc_free(a);
    talloc_free(b);
}

static void the_payload_is_checked(void **state)
{
    static const struct {
        const char *payload, *complaint; /* NULL: it is good */
    } cases[] = {
        {"{}",                                            NULL          },
        {"null",                                          NULL          },
        {"{\"filterOption\": \"recommended\"}",           NULL          },
        {"{\"file\": \"a.csv\", \"delimiter\": \"\\t\"}", NULL          },
        {"{\"sampleRows\": 0}",                           NULL          },
        {"[]",                                            "object"      },
        {"{\"filterOption\": \"some\"}",                  "filterOption"},
        {"{\"filterOption\": 1}",                         "filterOption"},
        {"{\"file\": 1}",                                 "file"        },
        {"{\"delimiter\": \";;\"}",                       "delimiter"   },
        {"{\"delimiter\": \"\\\"\"}",                     "delimiter"   },
        {"{\"delimiter\": \"\\n\"}",                      "delimiter"   },
        {"{\"sampleRows\": \"10\"}",                      "sampleRows"  },
        {"{\"sampleRows\": -1}",                          "sampleRows"  },
        {"{\"sampleRows\": 1.5}",                         "sampleRows"  },
        {"{\"colour\": \"red\"}",                         "colour"      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *payload = json_loads(cases[i].payload, JSON_DECODE_ANY, NULL);
        struct options options;
        struct fault err = {0};
        bool good = options_read(payload, &options, &err);

        assert_int_equal(good, !cases[i].complaint);
        if (!good) {
            assert_int_equal(err.status, FAULT_USAGE);
            assert_string_equal(err.code, "invalid_payload");
            assert_non_null(strstr(err.text, cases[i].complaint));
        }
        json_decref(payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_type_is_what_nearly_all_values_are),
        cmocka_unit_test(numbers_have_their_statistics),
        cmocka_unit_test(large_integers_stay_whole),
        cmocka_unit_test(the_deviation_survives_a_large_mean),
        cmocka_unit_test(the_first_bad_values_come_in_the_order_of_rows),
        cmocka_unit_test(slashed_dates_are_read_as_the_column_allows),
        cmocka_unit_test(long_texts_are_shown_by_their_beginning),
        cmocka_unit_test(row_numbers_are_recognised),
        cmocka_unit_test(column_names_are_made_unique),
        cmocka_unit_test(a_sample_is_the_same_for_the_same_seed),
        cmocka_unit_test(the_payload_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
