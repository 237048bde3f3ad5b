#include "utf8.h"

#include <stdint.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the character at p, 0 if it is malformed. */
static size_t char_length(const uint8_t *p, size_t left)
{
    size_t len = p[0] < 0x80                    ? 1
                 : p[0] >= 0xC2 && p[0] <= 0xDF ? 2
                 : (p[0] & 0xF0) == 0xE0        ? 3
                 : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                                : 0;

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (!is_tail(p[i]))
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0; /* overlong, surrogate or behind U+10FFFF */
    return len;
}

bool utf8_valid(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + len;

    while (p < end) {
        size_t step = char_length(p, (size_t)(end - p));

        if (step == 0)
            return false;
        p += step;
    }
    return true;
}

size_t utf8_length(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += !is_tail((uint8_t)text[i]);
    return count;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && is_tail((uint8_t)text[max]))
        max--;
    return max;
}
