#include "snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static bool parse(void *mem, const char *text, struct snapshot **ret)
{
    struct error err;

    return snapshot_parse(mem, text, text + strlen(text), ret, &err);
}

static const struct snapshot *good(void *mem, const char *text)
{
    struct snapshot *snapshot = NULL;

    assert_true(parse(mem, text, &snapshot));
    assert_string_equal(snapshot->text, text);
    return snapshot;
}

static void a_snapshot_is_read(void **state)
{
    void *mem = talloc_new(NULL);
    const struct snapshot *s = good(mem, "7512:7530:7512,7515,7529");

    (void)state;
    assert_int_equal(s->xmin, 7512);
    assert_int_equal(s->xmax, 7530);
    assert_int_equal(s->count, 3);
    assert_int_equal(s->xip[2], 7529);
    assert_int_equal(good(mem, "3:3:")->count, 0);
    assert_true(good(mem, "18446744073709551614:18446744073709551615:")->xmax ==
                UINT64_MAX);
    talloc_free(mem);
}

static void only_its_part_of_a_text_is_read(void **state)
{
    void *mem = talloc_new(NULL);
    const char text[] = "10:12:11~20:20:~5";
    struct snapshot *s;
    struct error err;

    (void)state;
    assert_true(snapshot_parse(mem, text, text + 8, &s, &err));
    assert_string_equal(s->text, "10:12:11");
    talloc_free(mem);
}

static void what_is_no_snapshot_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1:",
        "1:2",
        "1:2:3",
        "1:2:,",
        "1:2:1,",
        "0:2:",
        "2:1:",
        "01:2:",
        "1:02:",
        "-1:2:",
        "+1:2:",
        " 1:2:",
        "1:2: ",
        "5:9:6,6",
        "5:9:7,6",
        "5:9:4",
        "5:9:9",
        "5:9:6;7",
        "1:2:1:",
        "a:b:",
        "1:2:0",
        "5:9:6,,7",
        "5 :9:",
        "1:18446744073709551616:",
        "1:99999999999999999999999:",
    };
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct snapshot *s = NULL;

        assert_false(parse(mem, bad[i], &s));
        assert_null(s);
    }
    assert_int_equal(talloc_total_blocks(mem), 1);
    talloc_free(mem);
}

static void it_sees_what_had_been_committed(void **state)
{
    static const struct {
        uint64_t xid;
        bool seen;
    } cases[] = {
        {1,          true },
        {9,          true },
        {10,         false},
        {11,         true },
        {12,         false},
        {13,         false},
        {14,         true },
        {19,         true },
        {20,         false},
        {21,         false},
        {UINT64_MAX, false},
    };
    void *mem = talloc_new(NULL);
    const struct snapshot *s = good(mem, "10:20:10,12,13");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(snapshot_sees(s, cases[i].xid), cases[i].seen);
    talloc_free(mem);
}

static void the_newer_of_two_sees_more(void **state)
{
    /* In the order in which they were taken. */
    static const char *const taken[] = {
        "10:10:", "10:13:10,11", "10:13:10", "10:14:10", "14:14:", "15:15:",
    };
    size_t count = sizeof(taken) / sizeof(*taken);
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            assert_int_equal(
                snapshot_newer(good(mem, taken[a]), good(mem, taken[b])),
                a > b);
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_read),
        cmocka_unit_test(only_its_part_of_a_text_is_read),
        cmocka_unit_test(what_is_no_snapshot_is_refused),
        cmocka_unit_test(it_sees_what_had_been_committed),
        cmocka_unit_test(the_newer_of_two_sees_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
