#include "seal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const bound[] = {"id", "anna", NULL};

static const struct seal_key key = {
    {1, 2, 3}
};

/* A folder, and the path of a key in it. */
struct fixture {
    char dir[32];
    char *path;
};

static int setup(void **state)
{
    struct fixture *fixture = talloc_zero(NULL, struct fixture);

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/test_seal.XXXXXX");
    *state = fixture;
    if (!mkdtemp(fixture->dir))
        return -1;
    fixture->path = talloc_asprintf(fixture, "%s/key", fixture->dir);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    rmdir(fixture->dir);
    talloc_free(fixture);
    return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static void what_is_sealed_opens(void **state)
{
    static const char *const texts[] = {"", "x", "h\xc3\xa4sslich \\ ' \" %s"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *sealed = seal_text(*state, &key, texts[i], bound), *text;

        assert_true(!*texts[i] || !strstr(sealed, texts[i]));
        assert_true(unseal_text(*state, &key, sealed, bound, &text));
        assert_string_equal(text, texts[i]);
    }
}

static void no_two_are_the_same(void **state)
{
    assert_string_not_equal(seal_text(*state, &key, "a", bound),
                            seal_text(*state, &key, "a", bound));
}

static void another_key_does_not_open_it(void **state)
{
    static const struct seal_key other = {
        {1, 2, 4}
    };
    char *sealed = seal_text(*state, &key, "secret", bound), *text;

    assert_false(unseal_text(*state, &other, sealed, bound, &text));
}

static void it_is_bound_to_what_it_belongs_to(void **state)
{
    static const char *const others[][4] = {
        {"id",   "bert", NULL},
        {"idan",  "na", NULL},
        {"id", "anna", "", NULL},
        {"id",  NULL},
        {NULL  },
    };
    char *sealed = seal_text(*state, &key, "secret", bound), *text;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_false(unseal_text(*state, &key, sealed, others[i], &text));
}

static void each_changed_digit_is_noticed(void **state)
{
    char *sealed = seal_text(*state, &key, "secret", bound), *text;

    for (char *at = sealed; *at; at++) {
        char was = *at;

        *at = was == '0' ? '1' : '0';
        if (unseal_text(*state, &key, sealed, bound, &text))
            fail_msg("digit %ld", (long)(at - sealed));
        *at = was;
    }
}

static void what_was_never_sealed_does_not_open(void **state)
{
    static const char *const texts[] = {"", "0", "01", "zz", "secret"};
    char *text;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_false(unseal_text(*state, &key, texts[i], bound, &text));
}

static void a_key_that_is_made_can_be_read(void **state)
{
    struct fixture *fixture = *state;
    struct seal_key first, again;
    struct error err;
    struct stat st;

    assert_true(seal_key_make(fixture->path, &err));
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(seal_key_read(fixture->path, &first, &err));
    assert_true(seal_key_read(fixture->path, &again, &err));
    assert_memory_equal(&first, &again, sizeof(first));
}

static void a_key_is_never_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct seal_key before, after;
    struct error err;

    assert_true(seal_key_make(fixture->path, &err));
    assert_true(seal_key_read(fixture->path, &before, &err));
    assert_false(seal_key_make(fixture->path, &err));
    assert_string_equal(err.code, "key_exists");
    assert_true(seal_key_read(fixture->path, &after, &err));
    assert_memory_equal(&before, &after, sizeof(before));
}

static void no_key_is_told_from_a_wrong_one(void **state)
{
    static const char digits[] =
        "000102030405060708090a0b0c0d0e0f"
        "101112131415161718191a1b1c1d1e1f";
    struct fixture *fixture = *state;
    struct seal_key ret;
    struct error err;
    char text[80];

    assert_false(seal_key_read(fixture->path, &ret, &err));
    assert_string_equal(err.code, "no_key");
    assert_false(seal_key_read(fixture->dir, &ret, &err));
    assert_string_equal(err.code, "invalid_key");

    snprintf(text, sizeof(text), "%s\n", digits);
    write_file(fixture->path, text, 0640);
    assert_true(seal_key_read(fixture->path, &ret, &err));
    assert_int_equal(ret.bytes[31], 31);
    write_file(fixture->path, text, 0644);
    assert_false(seal_key_read(fixture->path, &ret, &err));
    assert_string_equal(err.code, "invalid_key");
    write_file(fixture->path, text, 0660);
    assert_false(seal_key_read(fixture->path, &ret, &err));

    snprintf(text, sizeof(text), "%s0\n", digits);
    write_file(fixture->path, text, 0600);
    assert_false(seal_key_read(fixture->path, &ret, &err));
    assert_string_equal(err.code, "invalid_key");
    write_file(fixture->path, digits + 2, 0600);
    assert_false(seal_key_read(fixture->path, &ret, &err));
    write_file(fixture->path, "", 0600);
    assert_false(seal_key_read(fixture->path, &ret, &err));
}

#define test(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_is_sealed_opens),
        test(no_two_are_the_same),
        test(another_key_does_not_open_it),
        test(it_is_bound_to_what_it_belongs_to),
        test(each_changed_digit_is_noticed),
        test(what_was_never_sealed_does_not_open),
        test(a_key_that_is_made_can_be_read),
        test(a_key_is_never_replaced),
        test(no_key_is_told_from_a_wrong_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
