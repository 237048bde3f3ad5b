#include "json.h"

#include <stdbool.h>
#include <string.h>
#include <talloc.h>

/*
 * What jansson found wrong, as the clients of the API see it. Where there is no
 * text, jansson's own says it well ("':' expected near '1'").
 */
static const struct {
    enum json_error_code cause;
    const char *code, *text;
} problems[] = {
    {json_error_duplicate_key,          "duplicate_member", NULL                },
    {json_error_invalid_utf8,           "invalid_utf8",     "not valid UTF-8"   },
    {json_error_null_character,         "null_character",   "\\u0000 is refused"},
    {json_error_null_byte_in_key,       "null_character",   "\\u0000 is refused"},
    {json_error_premature_end_of_input, "invalid_json",
     "the text ends too early"                                                  },
    {json_error_end_of_input_expected,  "invalid_json",     "text after the end"},
};

static bool refuse(const json_error_t *found, struct error *err)
{
    const char *code = "invalid_json", *text = NULL;

    for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
        if (problems[i].cause == json_error_code(found)) {
            code = problems[i].code;
            text = problems[i].text;
        }
    return error_set(err, ERROR_INVALID, code, "line %d, column %d: %s",
                     found->line, found->column, text ? text : found->text);
}

/* Where in the text a byte is, as jansson counts. */
static void find_place(const char *text, size_t at, int *ret_line,
                       int *ret_column)
{
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            ++*ret_column;
        }
    }
}

static bool refuse_depth(const char *text, size_t at, struct error *err)
{
    int line, column;

    find_place(text, at, &line, &column);
    return error_set(err, ERROR_INVALID, "nesting_too_deep",
                     "line %d, column %d: nested deeper than %d levels", line,
                     column, JSON_MAX_DEPTH);
}

/* jansson skips a zero byte behind a number; then the text as it was written
 * would end where the tree does not. */
static bool check_zero(const char *text, size_t len, struct error *err)
{
    const char *zero = memchr(text, '\0', len);
    int line, column;

    if (!zero)
        return true;
    find_place(text, (size_t)(zero - text), &line, &column);
    return error_set(err, ERROR_INVALID, "invalid_json",
                     "line %d, column %d: a zero byte", line, column);
}

/* The place after the string that begins at `at`. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < len ? at + 1 : len;
}

/*
 * jansson recurses, so the depth is known before it begins. Up to the first
 * mistake in the text both see the same strings and brackets.
 */
static bool check_depth(const char *text, size_t len, struct error *err)
{
    int depth = 0;

    for (size_t at = 0; at < len;) {
        if (text[at] == '"') {
            at = skip_string(text, len, at);
            continue;
        }
        if (text[at] == '{' || text[at] == '[')
            depth++;
        else if (text[at] == '}' || text[at] == ']')
            depth--;
        if (depth > JSON_MAX_DEPTH)
            return refuse_depth(text, at, err);
        at++;
    }
    return true;
}

static int tree_drop(json_t **tree)
{
    json_decref(*tree);
    return 0;
}

bool json_parse(void *mem, const char *text, size_t len, json_t **ret,
                struct error *err)
{
    json_error_t found;
    json_t *tree, **owner;

    if (!check_zero(text, len, err) || !check_depth(text, len, err))
        return false;
    tree =
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &found);
    if (!tree)
        return refuse(&found, err);

    owner = talloc(mem, json_t *);
    *owner = tree;
    talloc_set_destructor(owner, tree_drop);
    *ret = tree;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t skip_space(const char *text, size_t len, size_t at)
{
    while (at < len && is_space(text[at]))
        at++;
    return at;
}

/* The place after the object or array that begins at `at`. */
static size_t skip_nested(const char *text, size_t len, size_t at)
{
    int depth = 0;

    while (at < len) {
        char c = text[at];

        if (c == '"') {
            at = skip_string(text, len, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

static size_t skip_value(const char *text, size_t len, size_t at)
{
    if (at < len && text[at] == '"')
        return skip_string(text, len, at);
    if (at < len && (text[at] == '{' || text[at] == '['))
        return skip_nested(text, len, at);
    while (at < len && !is_space(text[at]) && text[at] != ',' &&
           text[at] != '}')
        at++;
    return at;
}

bool json_next_member(const char *text, size_t len, size_t *at,
                      struct json_member *ret)
{
    bool first = *at == 0;
    size_t begin = skip_space(text, len, *at), end;

    if (begin >= len || text[begin] != (first ? '{' : ','))
        return false;
    begin = skip_space(text, len, begin + 1);
    if (begin >= len || text[begin] != '"')
        return false;
    end = skip_string(text, len, begin);
    ret->name = text + begin + 1;
    ret->name_len = end - begin - 2;

    begin = skip_space(text, len, end);
    if (begin >= len || text[begin] != ':')
        return false;
    begin = skip_space(text, len, begin + 1);
    end = skip_value(text, len, begin);
    ret->value = text + begin;
    ret->value_len = end - begin;
    *at = end;
    return true;
}

/* Whether a member has this name, also if it is written with escapes. */
static bool has_name(const struct json_member *member, const char *name)
{
    json_t *string;
    bool same;

    if (!memchr(member->name, '\\', member->name_len))
        return strlen(name) == member->name_len &&
               !memcmp(name, member->name, member->name_len);

    /* The quotes stand around the name: a string by itself. */
    string = json_loadb(member->name - 1, member->name_len + 2, JSON_DECODE_ANY,
                        NULL);
    same = string && !strcmp(json_string_value(string), name);
    json_decref(string);
    return same;
}

char *json_member_text(void *mem, const char *text, size_t len,
                       const char *name)
{
    struct json_member member;
    size_t at = 0;

    while (json_next_member(text, len, &at, &member))
        if (has_name(&member, name))
            return talloc_strndup(mem, member.value, member.value_len);
    return NULL;
}
