#include "upload_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static const struct {
    const char *name, *want;
} good[] = {
    {"x.csv",                    "x.csv"                   },
    {"my sales (1).tar.gz",      "my sales (1).tar.gz"     },
    {"C:\\data\\x.csv",          "x.csv"                   },
    {"/etc/passwd",              "passwd"                  },
    {"..\\../x",                 "x"                       },
    {"a\nb\x7f\tc",              "a_b__c"                  },
    {"\xc3\xbc\xe2\x82\xac.csv", "\xc3\xbc\xe2\x82\xac.csv"},
    {"\xfc\xc3\xbc.csv",         "___.csv"                 },
    {"a\xc2\x85z",               "a__z"                    },
    {".htaccess",                "_htaccess"               },
    {"...",                      "_.."                     },
    {" ",                        " "                       },
};

static void names_are_made_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        void *mem = talloc_new(NULL);
        const char *name;
        struct error err;

        assert_true(upload_name(mem, good[i].name, &name, &err));
        assert_string_equal(name, good[i].want);
        assert_true(upload_name(mem, name, &name, &err));
        assert_string_equal(name, good[i].want);
        talloc_free(mem);
    }
}

static void what_names_nothing_is_refused(void **state)
{
    static const char *const bad[] = {"",    ".",      "..", "a/",
                                      "a\\", "a/b/..", "/",  "C:\\."};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct error err = {0};
        const char *name;

        assert_false(upload_name(NULL, bad[i], &name, &err));
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, "invalid_file_name");
    }
}

/* `count` times `piece`, then the extension. */
static const char *long_name(void *mem, const char *piece, int count,
                             const char *extension)
{
    char *name = talloc_strdup(mem, "");
    struct error err;
    const char *ret;

    while (count-- > 0)
        name = talloc_strdup_append(name, piece);
    name = talloc_strdup_append(name, extension);
    assert_true(upload_name(mem, name, &ret, &err));
    return ret;
}

static void a_long_name_keeps_its_extension(void **state)
{
    void *mem = talloc_new(NULL);
    const char *name = long_name(mem, "a", 500, ".csv");

    (void)state;
    assert_int_equal(strlen(name), UPLOAD_NAME_MOST);
    assert_string_equal(name + strlen(name) - 6, "aa.csv");
    assert_int_equal(strlen(long_name(mem, "a", 196, ".csv")), 200);

    /* Three bytes each: 196 do not divide by it. */
    name = long_name(mem, "\xe2\x82\xac", 100, ".csv");
    assert_int_equal(strlen(name), 199);
    assert_string_equal(name + 192, "\xe2\x82\xac.csv");

    name = long_name(mem, "a", 100,
                     ".no extension, merely a dot in the name "
                     "of a file that is long, and longer than "
                     "what can be kept of it");
    assert_int_equal(strlen(name), UPLOAD_NAME_MOST);
    talloc_free(mem);
}

static void texts_are_cut_between_characters(void **state)
{
    void *mem = talloc_new(NULL);

    (void)state;
    assert_string_equal(upload_text(mem, "text/csv", 200), "text/csv");
    assert_string_equal(upload_text(mem, "a\xe2\x82\xac", 3), "a");
    assert_string_equal(upload_text(mem, "a\xe2\x82\xac", 4), "a\xe2\x82\xac");
    assert_string_equal(upload_text(mem, "a\xff\r", 200), "a__");
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_made_safe),
        cmocka_unit_test(what_names_nothing_is_refused),
        cmocka_unit_test(a_long_name_keeps_its_extension),
        cmocka_unit_test(texts_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
