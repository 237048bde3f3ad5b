#include "buf.h"
#include "clock.h"
#include "json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* Ours around the deepest value that a client may send. */
#define OUT_DEPTH (JSON_MAX_DEPTH + 8)

struct json_out {
    struct buf text;
    int depth;
    bool comma;            /* the next value stands after another */
    char close[OUT_DEPTH]; /* what ends each level: '}' or ']' */
};

/* What a byte needs within a string: nothing, the letter after a backslash,
 * or a closer look. */
enum { PLAIN = 0, CONTROL = 1, WIDE = 2 };

static const char escapes[256] = {
    [0x00 ... 0x07] = CONTROL,
    ['\b'] = 'b',
    ['\t'] = 't',
    ['\n'] = 'n',
    ['\v'] = CONTROL,
    ['\f'] = 'f',
    ['\r'] = 'r',
    [0x0e ... 0x1f] = CONTROL,
    ['"'] = '"',
    ['\\'] = '\\',
    [0x80 ... 0xff] = WIDE,
};

struct json_out *json_out_new(void *mem)
{
    struct json_out *out = talloc_zero(mem, struct json_out);

    buf_init(&out->text, out, 1024);
    return out;
}

/* Whether the next `count` bytes continue a sequence. */
static bool continued(const unsigned char *p, int count)
{
    for (; count > 0; count--)
        if ((*p++ & 0xc0) != 0x80)
            return false;
    return true;
}

/*
 * The length of the UTF-8 sequence at p, 0 if it is none: overlong forms,
 * surrogates and what lies past U+10FFFF are not. The zero byte at the end of
 * the text continues nothing, so nothing behind it is read.
 */
static size_t utf8_len(const unsigned char *p)
{
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return continued(p + 1, 1) ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
            return 0;
        return continued(p + 1, 2) ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
            return 0;
        return continued(p + 1, 3) ? 4 : 0;
    }
    return 0;
}

/* Write the character at p, which is not plain; returns the one after it. */
static const char *add_special(struct buf *text, const char *p)
{
    const unsigned char *byte = (const unsigned char *)p;
    size_t len = 1;

    if (escapes[*byte] == CONTROL) {
        char code[8];

        snprintf(code, sizeof(code), "\\u%04x", *byte);
        buf_add(text, code, 6);
    } else if (escapes[*byte] != WIDE) {
        buf_add_char(text, '\\');
        buf_add_char(text, escapes[*byte]);
    } else if ((len = utf8_len(byte))) {
        buf_add(text, p, len);
    } else {
        buf_add_text(text, "\xef\xbf\xbd");
        len = 1;
    }
    return p + len;
}

static void add_quoted(struct buf *text, const char *p)
{
    buf_add_char(text, '"');
    for (;;) {
        const char *run = p;

        while (escapes[(unsigned char)*p] == PLAIN)
            p++;
        buf_add(text, run, (size_t)(p - run));
        if (!*p)
            break;
        p = add_special(text, p);
    }
    buf_add_char(text, '"');
}

/* What stands before a value: the comma and the name. */
static void begin_value(struct json_out *out, const char *name)
{
    bool in_object = out->depth > 0 && out->close[out->depth - 1] == '}';

    assert(in_object == (name != NULL));
    if (out->comma)
        buf_add_char(&out->text, ',');
    if (name) {
        add_quoted(&out->text, name);
        buf_add_char(&out->text, ':');
    }
    out->comma = true;
}

static void open_level(struct json_out *out, const char *name, char open,
                       char close)
{
    assert(out->depth < OUT_DEPTH);
    begin_value(out, name);
    buf_add_char(&out->text, open);
    out->close[out->depth++] = close;
    out->comma = false;
}

void json_begin_object(struct json_out *out, const char *name)
{
    open_level(out, name, '{', '}');
}

void json_begin_array(struct json_out *out, const char *name)
{
    open_level(out, name, '[', ']');
}

void json_end(struct json_out *out)
{
    assert(out->depth > 0);
    buf_add_char(&out->text, out->close[--out->depth]);
    out->comma = true;
}

void json_add_raw(struct json_out *out, const char *name, const char *json)
{
    begin_value(out, name);
    buf_add_text(&out->text, json ? json : "null");
}

void json_add_members(struct json_out *out, const char *object)
{
    const char *first = object + 1 + strspn(object + 1, " \t\r\n");
    const char *end = strrchr(object, '}');

    assert(*object == '{' && end >= first);
    if (first == end)
        return;
    if (out->comma)
        buf_add_char(&out->text, ',');
    buf_add(&out->text, first, (size_t)(end - first));
    out->comma = true;
}

void json_add_string(struct json_out *out, const char *name, const char *value)
{
    if (!value) {
        json_add_null(out, name);
        return;
    }
    begin_value(out, name);
    add_quoted(&out->text, value);
}

void json_add_int(struct json_out *out, const char *name, int64_t value)
{
    char digits[24];
    char *p = digits + sizeof(digits);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--p = '-';
    begin_value(out, name);
    buf_add(&out->text, p, (size_t)(digits + sizeof(digits) - p));
}

void json_add_bool(struct json_out *out, const char *name, bool value)
{
    json_add_raw(out, name, value ? "true" : "false");
}

void json_add_null(struct json_out *out, const char *name)
{
    json_add_raw(out, name, "null");
}

void json_add_time(struct json_out *out, const char *name, int64_t ms)
{
    char *text = clock_text(out, ms);

    json_add_string(out, name, text);
    talloc_free(text);
}

void json_may_string(struct json_out *out, const char *name, const char *value)
{
    if (value)
        json_add_string(out, name, value);
}

void json_may_time(struct json_out *out, const char *name, int64_t ms)
{
    if (ms)
        json_add_time(out, name, ms);
}

void json_may_raw(struct json_out *out, const char *name, const char *json)
{
    if (json)
        json_add_raw(out, name, json);
}

const char *json_out_text(struct json_out *out, size_t *ret_len)
{
    if (ret_len)
        *ret_len = out->text.len;
    return buf_text(&out->text);
}
