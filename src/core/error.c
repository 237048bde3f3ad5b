#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The length of a text that was cut to fit its buffer, without the UTF-8
 * character that the cut may have gone through.
 */
static size_t whole_characters(const char *text, size_t len)
{
    size_t lead = len;
    unsigned char c;
    size_t want;

    while (lead > 0 && len - lead < 4 &&
           ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
        lead--;
    if (lead == 0)
        return len;

    c = (unsigned char)text[lead - 1];
    want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    return len - lead + 1 < want ? lead - 1 : len;
}

/* Format into `text`; what does not fit is left out, whole characters only. */
__attribute__((format(printf, 3, 0))) static size_t
format(char *text, size_t size, const char *fmt, va_list args)
{
    int len = vsnprintf(text, size, fmt, args);

    if (len < 0)
        len = 0;
    if ((size_t)len >= size)
        len = (int)whole_characters(text, size - 1);
    text[len] = '\0';
    return (size_t)len;
}

bool error_set(struct error *err, enum error_kind kind, const char *code,
               const char *fmt, ...)
{
    /* Not straight into err->text: it may be one of the arguments. */
    char text[sizeof(err->text)];
    va_list args;
    size_t len;

    va_start(args, fmt);
    len = format(text, sizeof(text), fmt, args);
    va_end(args);

    *err = (struct error){.kind = kind, .code = code};
    memcpy(err->text, text, len + 1);
    return false;
}

bool error_prefix(struct error *err, const char *fmt, ...)
{
    struct error before = *err;
    char prefix[sizeof(err->text)];
    va_list args;

    va_start(args, fmt);
    format(prefix, sizeof(prefix), fmt, args);
    va_end(args);

    error_set(err, err->kind, err->code, "%s: %s", prefix, before.text);
    err->retry_after_s = before.retry_after_s;
    err->item = before.item;
    memcpy(err->rival, before.rival, sizeof(err->rival));
    return false;
}
