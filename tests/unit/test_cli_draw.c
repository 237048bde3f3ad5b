#include "age.h"
#include "doctor.h"
#include "json.h"
#include "progress.h"
#include "table.h"
#include "term.h"
#include "top_view.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define NOW INT64_C(1790000000000) /* 2026-09-21T14:13:20Z */

static int begin(void **state)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    *state = talloc_new(NULL);
    return 0;
}

static int end(void **state)
{
    talloc_free(*state);
    return 0;
}

static const struct look a_pipe = {.now_ms = NOW};

static struct look a_terminal(int width, int height)
{
    return (struct look){
        .term = {true, false, width, height},
          .now_ms = NOW
    };
}

static void ages_are_said_in_one_unit(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *text;
    } cases[] = {
        {0,                 "now"     },
        {-999,              "now"     },
        {-1000,             "1s ago"  },
        {-59999,            "59s ago" },
        {-60000,            "1m ago"  },
        {-3599999,          "59m ago" },
        {-3600000,          "1h ago"  },
        {-86399999,         "23h ago" },
        {-86400000,         "1d ago"  },
        {-400 * 86400000LL, "400d ago"},
        {999,               "now"     },
        {5000,              "in 5s"   },
        {7200000,           "in 2h"   },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(age_text(*state, NOW + cases[i].at_ms, NOW),
                            cases[i].text);
}

static void spans_are_short(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-5,        "0ms"  },
        {0,         "0ms"  },
        {850,       "850ms"},
        {3250,      "3.2s" },
        {59999,     "59.9s"},
        {125000,    "2m05s"},
        {11400000,  "3h10m"},
        {352800000, "4d02h"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(age_span(*state, cases[i].ms), cases[i].text);
}

static void sizes_are_short(void **state)
{
    assert_string_equal(size_text(*state, 0), "0");
    assert_string_equal(size_text(*state, 1023), "1023");
    assert_string_equal(size_text(*state, 1536), "1.5KB");
    assert_string_equal(size_text(*state, INT64_C(3) << 40), "3.0TB");
}

static void bars_keep_their_width(void **state)
{
    assert_string_equal(progress_bar(*state, 0, 17), "[..........]   0%");
    assert_string_equal(progress_bar(*state, 42, 17), "[####......]  42%");
    assert_string_equal(progress_bar(*state, 100, 17), "[##########] 100%");
    assert_string_equal(progress_bar(*state, 150, 17), "[##########] 100%");
    assert_string_equal(progress_bar(*state, -3, 17), "[..........]   0%");
    assert_string_equal(progress_bar(*state, 50, 0), "[#..]  50%");
}

static void a_line_never_fills_the_terminal(void **state)
{
    for (int width = 12; width < 120; width++) {
        struct term term = {.tty = true, .width = width, .height = 24};
        char *line = progress_line(*state, &term, 42,
                                   "a message that is longer than most "
                                   "terminals are wide, and then some more of "
                                   "it for those that are not");

        assert_int_equal(term_columns(line), width - 1);
    }
}

static void texts_are_cut_by_columns(void **state)
{
    static const struct {
        const char *text;
        int width;
        const char *want;
    } cases[] = {
        {"short",                  10, "short"            },
        {"exactly",                7,  "exactly"          },
        {"a bit too long",         8,  "a bit t…"       },
        {"naïve",                 4,  "naï…"          },
        {"日本語",              6,  "日本語"        },
        {"日本語",              5,  "日本…"        },
        {"日本語",              4,  "日…"           },
        {"two\nlines\tand\033[2J", 0,  "two lines and [2J"},
        {"\x9b"
         "31m and \xff",  0,  " 31m and  "       },
        {"\xc2\x9b"
         "31m",           0,  " 31m"             },
        {"ab\u202egnp.exe",        0,  "ab gnp.exe"       },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(term_clip(*state, cases[i].text, cases[i].width),
                            cases[i].want);
    assert_string_equal(term_clean(*state, "two\nlines\tand\033[2J"),
                        "two\nlines\tand [2J");
}

static json_t *parse(void *mem, const char *text)
{
    struct error err;
    json_t *json;

    assert_true(json_parse(mem, text, strlen(text), &json, &err));
    return json;
}

static const struct column columns[] = {
    {"NAME",    "name",        CELL_TEXT, true },
    {"STATE",   "state",       CELL_WORD, false},
    {"N",       "n",           CELL_INT,  false},
    {"AT",      "at",          CELL_TIME, false},
    {"TOOK",    "took",        CELL_SPAN, false},
    {"MESSAGE", "err.message", CELL_TEXT, true },
};

static const char rows[] =
    "[{\"name\": \"mail\", \"state\": \"failed\", \"n\": 5,"
    "  \"at\": \"2026-09-21T14:10:20Z\", \"took\": 2500,"
    "  \"err\": {\"message\": \"no such host\\nat all\"}},"
    " {\"name\": \"reports-of-the-night\", \"n\": 12345, \"took\": null}]";

static char *drawn(void *mem, const struct look *look, const char *json)
{
    char *text = NULL, *copy;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    table_print(look, parse(mem, json), columns, 6, out);
    fclose(out);
    copy = talloc_strdup(mem, text);
    free(text);
    return copy;
}

static void in_a_pipe_a_table_has_all(void **state)
{
    assert_string_equal(
        drawn(*state, &a_pipe, rows),
        "NAME                  STATE       N  AT                    TOOK  "
        "MESSAGE\n"
        "mail                  failed      5  2026-09-21T14:10:20Z  2500  "
        "no such host at all\n"
        "reports-of-the-night  -       12345  -                        -  "
        "-\n");
    assert_string_equal(drawn(*state, &a_pipe, "[]"),
                        "NAME  STATE  N  AT  TOOK  MESSAGE\n");
}

static void on_a_terminal_a_table_fits(void **state)
{
    struct look wide = a_terminal(100, 24), narrow = a_terminal(54, 24);

    assert_string_equal(
        drawn(*state, &wide, rows),
        "NAME                  STATE       N  AT      TOOK  MESSAGE\n"
        "mail                  failed      5  3m ago  2.5s  no such host at "
        "all\n"
        "reports-of-the-night  -       12345  -          -  -\n");
    assert_string_equal(
        drawn(*state, &narrow, rows),
        "NAME         STATE       N  AT      TOOK  MESSAGE\n"
        "mail         failed      5  3m ago  2.5s  no such hos…\n"
        "reports-of…  -       12345  -          -  -\n");
}

static void on_a_very_narrow_one_it_has_the_first_columns(void **state)
{
    struct look narrow = a_terminal(30, 24);

    assert_string_equal(drawn(*state, &narrow, rows),
                        "NAME      STATE       N\n"
                        "mail      failed      5\n"
                        "reports…  -       12345\n");
}

/* A picture for a terminal is as high and as wide as that, at most. */
static void the_live_view_fits(void **state)
{
    struct top top = {
        .place = "http://127.0.0.1:8480",
        .stats = parse(*state,
                       "{\"counts\": {\"available\": 12, \"active\": 2}, "
                       "\"lastMinute\": {\"started\": 90, "
                       "\"completed\": 60, \"averageRunMs\": 1200}}"),
        .queues = parse(*state,
                        "{\"queues\": [{\"name\": \"default\", "
                        "\"waiting\": 12, \"running\": 2}]}"),
        .jobs = parse(*state,
                      "{\"jobs\": [{\"jobId\": \"1\", \"type\": \"a\", "
                      "\"progress\": 30}, {\"jobId\": \"2\"}]}"),
    };
    struct look look = a_terminal(80, 6);
    char *view = top_view(*state, &look, &top), *line;
    int lines = 0;

    assert_non_null(strstr(view, "available 12"));
    assert_non_null(strstr(view, "1.5/s started, 1.0/s completed"));
    for (; (line = strsep(&view, "\n")); lines++)
        assert_non_null(strstr(line, "\033[K"));
    assert_int_equal(lines, 6);
    view = top_view(*state, &a_pipe, &top);
    assert_null(strstr(view, "\033"));
    assert_non_null(strstr(view, "[###.......]  30%"));
}

static void of_many_queues_the_busiest_are_seen(void **state)
{
    struct top top = {
        .place = "x",
        .queues = parse(*state,
                        "{\"queues\": [{\"name\": \"a\"}, "
                        "{\"name\": \"b\", \"waiting\": 5}, "
                        "{\"name\": \"c\", \"running\": 7}, "
                        "{\"name\": \"d\", \"waiting\": 5}]}"),
    };
    struct look look = a_terminal(80, 9);
    char *view = top_view(*state, &look, &top);

    assert_null(strstr(view, "\na "));
    assert_true(strstr(view, "\nc ") < strstr(view, "\nb "));
    assert_true(strstr(view, "\nb ") < strstr(view, "\nd "));
    assert_non_null(strstr(top_view(*state, &a_pipe, &top), "\na "));
}

static void disks_are_judged(void **state)
{
    int64_t gb = INT64_C(1) << 30;

    (void)state;
    assert_int_equal(doctor_disk(500 * gb, 1000 * gb), VERDICT_OK);
    assert_int_equal(doctor_disk(49 * gb, 1000 * gb), VERDICT_WARN);
    assert_int_equal(doctor_disk(9 * gb, 1000 * gb), VERDICT_FAIL);
    assert_int_equal(doctor_disk(gb / 2, 2 * gb), VERDICT_WARN);
    assert_int_equal(doctor_disk(gb / 20, gb / 10), VERDICT_FAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_are_said_in_one_unit),
        cmocka_unit_test(spans_are_short),
        cmocka_unit_test(sizes_are_short),
        cmocka_unit_test(bars_keep_their_width),
        cmocka_unit_test(a_line_never_fills_the_terminal),
        cmocka_unit_test(texts_are_cut_by_columns),
        cmocka_unit_test(in_a_pipe_a_table_has_all),
        cmocka_unit_test(on_a_terminal_a_table_fits),
        cmocka_unit_test(on_a_very_narrow_one_it_has_the_first_columns),
        cmocka_unit_test(the_live_view_fits),
        cmocka_unit_test(of_many_queues_the_busiest_are_seen),
        cmocka_unit_test(disks_are_judged),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
