#include "text.h"

#include "buf.h"

#include <stdint.h>

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* The smallest first and second byte that go together, and the largest second:
 * overlong forms, surrogates and what lies past U+10FFFF fall out. */
static const struct {
    unsigned char first, last, low, high;
    size_t len;
} forms[] = {
    {0x01, 0x7F, 0x00, 0x00, 1},
    {0xC2, 0xDF, 0x80, 0xBF, 2},
    {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4},
    {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool has_tails(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_tail(text[i]))
            return false;
    return true;
}

/* The length of the character at `text`, 0 where there is none. */
static size_t char_len(const char *text, size_t left)
{
    unsigned char first = (unsigned char)text[0], second;

    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        size_t len = forms[i].len;

        if (first < forms[i].first || first > forms[i].last)
            continue;
        if (len == 1 || len > left)
            return len == 1 ? 1 : 0;
        second = (unsigned char)text[1];
        return second >= forms[i].low && second <= forms[i].high &&
                       has_tails(text + 2, len - 2)
                   ? len
                   : 0;
    }
    return 0;
}

/* How many bytes at the start are plain ASCII, in steps of eight: nearly all
 * text is nothing else. */
static size_t ascii_len(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t at = 0;
    uint64_t word;

    while (at + sizeof(word) <= len) {
        memcpy(&word, text + at, sizeof(word));
        /* A top bit, or a byte that borrows when 1 is taken from it: zero. */
        if ((word | (word - ones)) & tops)
            break;
        at += sizeof(word);
    }
    return at;
}

bool text_is_clean(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t step = ascii_len(text + at, len - at);

        if (step == 0)
            step = char_len(text + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

char *text_clean(void *mem, const char *text, size_t len)
{
    struct buf clean;
    size_t at = 0;

    buf_init(&clean, mem, len + 1);
    while (at < len) {
        size_t step = char_len(text + at, len - at);

        if (step > 0)
            buf_add(&clean, text + at, step);
        else
            buf_add_text(&clean, "\xEF\xBF\xBD");
        at += step > 0 ? step : 1;
    }
    buf_text(&clean);
    return clean.data;
}

size_t text_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && is_tail(text[max]))
        max--;
    return max;
}

bool text_is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", text[i]))
            return false;
    return true;
}
