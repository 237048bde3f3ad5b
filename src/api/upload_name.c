#include "upload_name.h"

#include <jansson.h>
#include <string.h>
#include <talloc.h>

#define MOST_EXTENSION 16 /* its dot included */

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);

    json_decref(string);
    return string;
}

/* U+0080 to U+009F, which are control characters too. */
static bool is_c1(const unsigned char *c)
{
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;
}

static void replace_bad(char *text)
{
    bool utf8 = is_utf8(text);

    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (utf8 && is_c1(c))
            c[0] = c[1] = '_';
        if (*c < 0x20 || *c == 0x7f || (*c >= 0x80 && !utf8))
            *c = '_';
    }
}

/* The most of a text's first bytes that does not end within a character. */
static size_t cut(const char *text, size_t len, size_t most)
{
    if (len <= most)
        return len;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

char *upload_text(void *mem, const char *text, size_t most)
{
    char *copy = talloc_strdup(mem, text);

    replace_bad(copy);
    copy[cut(copy, strlen(copy), most)] = '\0';
    return copy;
}

static const char *base_of(const char *name)
{
    const char *base = name;

    for (; *name; name++)
        if (*name == '/' || *name == '\\')
            base = name + 1;
    return base;
}

static const char *extension_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && dot > name && strlen(dot) <= MOST_EXTENSION
               ? dot
               : name + strlen(name);
}

bool upload_name(void *mem, const char *name, const char **ret,
                 struct error *err)
{
    const char *base = base_of(name), *extension;
    size_t stem;
    char *copy;

    if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
        return error_set(err, ERROR_INVALID, "invalid_file_name",
                         "\"%.80s\" names no file", name);
    copy = talloc_strdup(mem, base);
    replace_bad(copy);
    if (*copy == '.')
        *copy = '_';
    extension = extension_of(copy);
    stem = cut(copy, (size_t)(extension - copy),
               UPLOAD_NAME_MOST - strlen(extension));
    memmove(copy + stem, extension, strlen(extension) + 1);
    *ret = copy;
    return true;
}
