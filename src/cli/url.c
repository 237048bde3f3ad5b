#include "url.h"

#include "buf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

static char *encode(void *mem, const char *text)
{
    struct buf out;
    char code[4];

    buf_init(&out, mem, 3 * strlen(text) + 1);
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text)) {
            buf_add_char(&out, *text);
        } else {
            snprintf(code, sizeof(code), "%%%02X", (unsigned char)*text);
            buf_add_text(&out, code);
        }
    }
    buf_text(&out);
    return out.data;
}

char *url_of(void *mem, const char *pattern, const char *part)
{
    const char *at = strstr(pattern, "%s");

    return talloc_asprintf(mem, "%.*s%s%s", (int)(at - pattern), pattern,
                           encode(mem, part), at + 2);
}

char *url_add(char *url, const char *name, const char *value)
{
    if (!value)
        return url;
    return talloc_asprintf_append(url, "%c%s=%s", strchr(url, '?') ? '&' : '?',
                                  name, encode(url, value));
}
