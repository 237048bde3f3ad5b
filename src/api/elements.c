#include "elements.h"

#include <string.h>

static size_t skip_space(const char *text, size_t len, size_t at)
{
    while (at < len && strchr(" \n\r\t", text[at]))
        at++;
    return at;
}

/* The place after the string that begins at `at`. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
    for (at++; at < len && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < len ? at + 1 : len;
}

/* Where the value that begins at `at` ends: at a comma or a bracket that is
 * none of its own. */
static size_t skip_value(const char *text, size_t len, size_t at)
{
    int depth = 0;

    while (at < len) {
        char c = text[at];

        if (depth == 0 && (c == ',' || c == ']'))
            break;
        if (c == '"') {
            at = skip_string(text, len, at);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at++;
    }
    return at;
}

bool elements_next(const char *text, size_t len, size_t *at,
                   const char **ret_value, size_t *ret_len)
{
    bool first = *at == 0;
    size_t begin = skip_space(text, len, *at), end;

    if (begin >= len || text[begin] != (first ? '[' : ','))
        return false;
    begin = skip_space(text, len, begin + 1);
    end = skip_value(text, len, begin);
    if (end == begin)
        return false;
    *ret_value = text + begin;
    *ret_len = end - begin;
    *at = end;
    return true;
}
