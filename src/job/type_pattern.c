#include "type_pattern.h"

#include <string.h>

/* Over a class in a bracket, such as [:alpha:]; NULL: it does not end. */
static const char *skip_class(const char *at)
{
    const char end[] = {at[1], ']', 0};
    const char *closing = strstr(at + 2, end);

    return closing ? closing + 2 : NULL;
}

/* From behind a [ to behind its ]; NULL: there is none. A ] that comes first
 * stands for itself. */
static const char *skip_bracket(const char *at)
{
    if (*at == '^')
        at++;
    if (*at == ']')
        at++;
    while (at && *at && *at != ']') {
        if (*at == '[' && at[1] && strchr(":.=", at[1]))
            at = skip_class(at);
        else
            at += *at == '\\' && at[1] ? 2 : 1;
    }
    return at && *at ? at + 1 : NULL;
}

const char *type_pattern_fault(const char *pattern)
{
    int open = 0;

    /* What begins so is a plain text, or says that it is an expression. */
    if (!strncmp(pattern, "***=", 4))
        return NULL;
    while (*pattern) {
        switch (*pattern++) {
        case '\\':
            if (!*pattern++)
                return "it ends with a backslash";
            break;
        case '[':
            pattern = skip_bracket(pattern);
            if (!pattern)
                return "a [ has no ]";
            break;
        case '(':
            open++;
            break;
        case ')':
            if (--open < 0)
                return "a ) has no (";
            break;
        default:
            break;
        }
    }
    return open > 0 ? "a ( has no )" : NULL;
}
