#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
    const char *text, *code, *says;
} broken[] = {
    {"",                        "invalid_json",     "line 1"                   },
    {"{\"a\": 1,}",             "invalid_json",     "line 1, column 9"         },
    {"{\n \"a\" 1}",            "invalid_json",     "line 2, column 6: ':' exp"},
    {"[1, 2",                   "invalid_json",     "too early"                },
    {"{\"a\":",                 "invalid_json",     "too early"                },
    {"1 2",                     "invalid_json",     "after the end"            },
    {"{} x",                    "invalid_json",     "after the end"            },
    {"]",                       "invalid_json",     "line 1, column 1"         },
    {"nul",                     "invalid_json",     "line 1, column 3"         },
    {"[01]",                    "invalid_json",     "line 1"                   },
    {"\"\\x\"",                 "invalid_json",     "escape"                   },
    {"\"\\ud800\"",             "invalid_json",     "Unicode"                  },
    {"9223372036854775808",     "invalid_json",     "too big integer"          },
    {"-9223372036854775809",    "invalid_json",     "too big negative integer" },
    {"[1e999]",                 "invalid_json",     "real number overflow"     },
    {"{\"a\":1,\n \"a\":2}",    "duplicate_member", "line 2"                   },
    {"{\"a\":1,\"\\u0061\":2}", "duplicate_member", "line 1"                   },
    {"\"\xff\"",                "invalid_utf8",     "UTF-8"                    },
    {"\"\xc0\xaf\"",            "invalid_utf8",     "UTF-8"                    },
    {"\"a\\u0000b\"",           "null_character",   "\\u0000"                  },
    {"{\"a\\u0000\":1}",        "null_character",   "\\u0000"                  },
};

static void what_is_broken_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct error err = {0};
        json_t *tree = NULL;
        const char *text = broken[i].text;

        assert_false(json_parse(NULL, text, strlen(text), &tree, &err));
        assert_null(tree);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_string_equal(err.code, broken[i].code);
        if (!strstr(err.text, broken[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text,
                     broken[i].says);
    }
}

static void a_zero_byte_is_broken(void **state)
{
    struct error err;
    json_t *tree;

    (void)state;
    assert_false(json_parse(NULL, "\"a\0b\"", 5, &tree, &err));
    assert_string_equal(err.code, "invalid_json");
    assert_false(json_parse(NULL, "{}\0", 3, &tree, &err));
    assert_string_equal(err.code, "invalid_json");
    /* Where jansson alone would skip it. */
    assert_false(json_parse(NULL, "[1,\n 1.5\0]", 10, &tree, &err));
    assert_string_equal(err.code, "invalid_json");
    assert_string_equal(err.text, "line 2, column 5: a zero byte");
}

static void a_tree_lives_with_its_context(void **state)
{
    static const char text[] =
        " {\"n\": -9223372036854775808, \"s\": \"\\u00e9\"}";
    void *mem = talloc_new(NULL);
    struct error err;
    json_t *tree;

    (void)state;
    assert_true(json_parse(mem, text, strlen(text), &tree, &err));
    assert_true(json_integer_value(json_object_get(tree, "n")) == INT64_MIN);
    assert_string_equal(json_string_value(json_object_get(tree, "s")),
                        "\xc3\xa9");
    talloc_free(mem);
}

static void any_value_may_be_a_text(void **state)
{
    static const char *const texts[] = {"1", "\"x\"", "null", "[]", " true "};
    void *mem = talloc_new(NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct error err;
        json_t *tree;

        assert_true(json_parse(mem, texts[i], strlen(texts[i]), &tree, &err));
    }
    talloc_free(mem);
}

/* `depth` arrays in one another. */
static char *nested(void *mem, size_t depth)
{
    char *text = talloc_size(mem, 2 * depth + 1);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    return text;
}

static void depth_has_a_limit(void **state)
{
    void *mem = talloc_new(NULL);
    const char *text = nested(mem, JSON_MAX_DEPTH);
    struct error err;
    json_t *tree;

    (void)state;
    assert_true(json_parse(mem, text, strlen(text), &tree, &err));
    text = nested(mem, JSON_MAX_DEPTH + 1);
    assert_false(json_parse(mem, text, strlen(text), &tree, &err));
    assert_string_equal(err.code, "nesting_too_deep");
    assert_non_null(strstr(err.text, "line 1, column 65"));
    text = nested(mem, 1000000);
    assert_false(json_parse(mem, text, strlen(text), &tree, &err));
    assert_string_equal(err.code, "nesting_too_deep");
    talloc_free(mem);
}

static void brackets_in_strings_are_not_depth(void **state)
{
    void *mem = talloc_new(NULL);
    char *text =
        talloc_asprintf(mem, "[\"\\\"%s\", \"\\\\\"]", nested(mem, 99));
    struct error err;
    json_t *tree;

    (void)state;
    assert_true(json_parse(mem, text, strlen(text), &tree, &err));
    talloc_free(mem);
}

static const char object[] =
    " { \"a\" : 1.50 ,\"b\":\"x\\\"}\" , \"c\":{ \"d\" : [1,\"]\"] },\n"
    "\t\"\\u0065\":null,\"f\":[ ],\"g\":-1e5}  ";

static void members_are_as_they_were_written(void **state)
{
    static const char *const want[][2] = {
        {"a",       "1.50"                 },
        {"b",       "\"x\\\"}\""           },
        {"c",       "{ \"d\" : [1,\"]\"] }"},
        {"\\u0065", "null"                 },
        {"f",       "[ ]"                  },
        {"g",       "-1e5"                 },
    };
    struct json_member member;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(json_next_member(object, strlen(object), &at, &member));
        assert_int_equal(member.name_len, strlen(want[i][0]));
        assert_memory_equal(member.name, want[i][0], member.name_len);
        assert_int_equal(member.value_len, strlen(want[i][1]));
        assert_memory_equal(member.value, want[i][1], member.value_len);
    }
    assert_false(json_next_member(object, strlen(object), &at, &member));
}

static void other_texts_have_no_members(void **state)
{
    static const char *const texts[] = {"{}", " { } ", "[1]", "1", "", "{"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct json_member member;
        size_t at = 0;

        assert_false(
            json_next_member(texts[i], strlen(texts[i]), &at, &member));
    }
}

/* Broken texts are not for it, but must not lead it astray. */
static void a_cut_text_is_not_read_past_its_end(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(object); len++) {
        char *cut = talloc_memdup(NULL, object, len ? len : 1);
        struct json_member member;
        size_t at = 0;
        int count = 0;

        while (json_next_member(cut, len, &at, &member)) {
            assert_true(member.name + member.name_len <= cut + len);
            assert_true(member.value + member.value_len <= cut + len);
            count++;
        }
        assert_true(at <= len && count <= 6);
        talloc_free(cut);
    }
}

static void a_member_is_found_by_name(void **state)
{
    void *mem = talloc_new(NULL);
    size_t len = strlen(object);

    (void)state;
    assert_string_equal(json_member_text(mem, object, len, "a"), "1.50");
    assert_string_equal(json_member_text(mem, object, len, "e"), "null");
    assert_string_equal(json_member_text(mem, object, len, "g"), "-1e5");
    assert_null(json_member_text(mem, object, len, "d"));
    assert_null(json_member_text(mem, object, len, ""));
    talloc_free(mem);
}

static void the_writer_puts_commas(void **state)
{
    struct json_out *out = json_out_new(NULL);
    const char *text;
    size_t len;

    (void)state;
    json_begin_object(out, NULL);
    json_add_int(out, "min", INT64_MIN);
    json_add_int(out, "zero", 0);
    json_begin_array(out, "list");
    json_add_bool(out, NULL, true);
    json_add_null(out, NULL);
    json_begin_object(out, NULL);
    json_end(out);
    json_begin_array(out, NULL);
    json_end(out);
    json_end(out);
    json_add_raw(out, "raw", "[1.50]");
    json_may_string(out, "no", NULL);
    json_may_time(out, "no", 0);
    json_may_raw(out, "no", NULL);
    json_add_string(out, "none", NULL);
    json_add_time(out, "at", 1795311600123);
    json_may_string(out, "yes", "y");
    json_end(out);
    text = json_out_text(out, &len);
    assert_string_equal(
        text,
        "{\"min\":-9223372036854775808,\"zero\":0,"
        "\"list\":[true,null,{},[]],\"raw\":[1.50],\"none\":null,"
        "\"at\":\"2026-11-22T01:40:00.123Z\",\"yes\":\"y\"}");
    assert_int_equal(len, strlen(text));
    talloc_free(out);
}

/* What an invalid byte becomes. */
#define BAD "\xef\xbf\xbd"

static const struct {
    const char *value, *want;
} strings[] = {
    {"",                 "\"\""                     },
    {"a\"b\\c/d",        "\"a\\\"b\\\\c/d\""        },
    {"\b\f\n\r\t",       "\"\\b\\f\\n\\r\\t\""      },
    {"\v\x01\x1f",       "\"\\u000b\\u0001\\u001f\""},
    {"\x7f",             "\"\x7f\""                 },
    {"\xc3\xa9",         "\"\xc3\xa9\""             },
    {"\xe2\x82\xac",     "\"\xe2\x82\xac\""         },
    {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""     },
    {"\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\""     },
    {"(\xff)",           "\"(" BAD ")\""            },
    {"\xc3",             "\"" BAD "\""              },
    {"\xc0\xaf",         "\"" BAD BAD "\""          },
    {"\xed\xa0\x80",     "\"" BAD BAD BAD "\""      },
    {"\xf0\x9f\x98",     "\"" BAD BAD BAD "\""      },
    {"\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""  },
};

static void members_of_an_object_are_added(void **state)
{
    struct json_out *out = json_out_new(NULL);

    (void)state;
    json_begin_object(out, NULL);
    json_add_members(out, "{ }");
    json_add_members(out, "{\"a\": 1.50, \"b\":{\"c\":[]} }");
    json_add_int(out, "d", 2);
    json_add_members(out, "{}");
    json_add_members(out, "{\"e\":\"}\"}");
    json_end(out);
    assert_string_equal(json_out_text(out, NULL),
                        "{\"a\": 1.50, \"b\":{\"c\":[]} ,\"d\":2,\"e\":\"}\"}");
    talloc_free(out);
}

static void strings_are_escaped_and_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        struct json_out *out = json_out_new(NULL);
        struct error err;
        json_t *tree;
        const char *text;
        size_t len;

        json_add_string(out, NULL, strings[i].value);
        text = json_out_text(out, &len);
        assert_string_equal(text, strings[i].want);
        assert_true(json_parse(out, text, len, &tree, &err));
        talloc_free(out);
    }
}

static void long_texts_grow(void **state)
{
    struct json_out *out = json_out_new(NULL);
    struct error err;
    json_t *tree;
    const char *text;
    size_t len;

    (void)state;
    json_begin_array(out, NULL);
    for (int i = 0; i < 20000; i++)
        json_add_string(out, NULL, "line\none");
    json_end(out);
    text = json_out_text(out, &len);
    assert_int_equal(len, 1 + 20000 * 12);
    assert_true(json_parse(out, text, len, &tree, &err));
    assert_int_equal(json_array_size(tree), 20000);
    talloc_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_broken_is_named),
        cmocka_unit_test(a_zero_byte_is_broken),
        cmocka_unit_test(a_tree_lives_with_its_context),
        cmocka_unit_test(any_value_may_be_a_text),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(brackets_in_strings_are_not_depth),
        cmocka_unit_test(members_are_as_they_were_written),
        cmocka_unit_test(other_texts_have_no_members),
        cmocka_unit_test(a_cut_text_is_not_read_past_its_end),
        cmocka_unit_test(a_member_is_found_by_name),
        cmocka_unit_test(the_writer_puts_commas),
        cmocka_unit_test(members_of_an_object_are_added),
        cmocka_unit_test(strings_are_escaped_and_valid),
        cmocka_unit_test(long_texts_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
