#include "error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_failure_is_filled_in(void **state)
{
    struct error err = {0};

    (void)state;
    assert_false(error_set(&err, ERROR_CONFLICT, "job_final", "job %d", 7));
    assert_int_equal(err.kind, ERROR_CONFLICT);
    assert_string_equal(err.code, "job_final");
    assert_string_equal(err.text, "job 7");
}

static void its_own_text_may_be_an_argument(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_INVALID, "a", "inner");
    assert_false(
        error_set(&err, ERROR_INTERNAL, "b", "<%s|%s>", err.text, err.text));
    assert_string_equal(err.text, "<inner|inner>");
}

static void a_prefix_keeps_kind_and_code(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERROR_NO_SPACE, "disk_full", "cannot write");
    assert_false(error_prefix(&err, "file %s", "a.csv"));
    assert_int_equal(err.kind, ERROR_NO_SPACE);
    assert_string_equal(err.code, "disk_full");
    assert_string_equal(err.text, "file a.csv: cannot write");
}

static void a_prefix_keeps_what_else_is_known(void **state)
{
    struct error err;

    (void)state;
    error_set(&err, ERROR_CONFLICT, "unique_conflict", "taken");
    assert_int_equal(err.retry_after_s, 0);
    assert_int_equal(err.item, 0);
    assert_string_equal(err.rival, "");
    err.retry_after_s = 5;
    err.item = 3;
    memcpy(err.rival, "x-7", 4);
    error_prefix(&err, "options");
    assert_int_equal(err.retry_after_s, 5);
    assert_int_equal(err.item, 3);
    assert_string_equal(err.rival, "x-7");
    error_set(&err, ERROR_CONFLICT, "other", "another one");
    assert_int_equal(err.item, 0);
    assert_string_equal(err.rival, "");
}

/* Each begins at every place near the end, so that every cut is tried. */
static const char *const characters[] = {"x", "é", "€", "😀"};

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(characters) / sizeof(*characters); i++) {
        size_t len = strlen(characters[i]);

        for (size_t pad = 0; pad < 8; pad++) {
            char text[1024] = "";
            struct error err;
            size_t got;

            memset(text, 'p', pad);
            for (size_t at = pad; at + len < sizeof(text); at += len)
                memcpy(text + at, characters[i], len);
            error_set(&err, ERROR_INVALID, "long", "%s", text);

            got = strlen(err.text);
            assert_in_range(got, sizeof(err.text) - len, sizeof(err.text) - 1);
            assert_int_equal((got - pad) % len, 0);
            assert_memory_equal(err.text, text, got);
        }
    }
}

static void a_long_prefix_is_cut_too(void **state)
{
    char text[600];
    struct error err;

    (void)state;
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&err, ERROR_INVALID, "long", "inner");
    error_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_int_equal(strspn(err.text, "p"), sizeof(err.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_filled_in),
        cmocka_unit_test(its_own_text_may_be_an_argument),
        cmocka_unit_test(a_prefix_keeps_kind_and_code),
        cmocka_unit_test(a_prefix_keeps_what_else_is_known),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(a_long_prefix_is_cut_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
