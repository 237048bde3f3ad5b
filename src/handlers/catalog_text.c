#include "catalog_text.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

void text_init(struct text *text, void *mem)
{
    *text = (struct text){.mem = mem};
}

static void make_room(struct text *text, size_t more)
{
    size_t wanted = text->len + more + 1;

    if (wanted <= text->size)
        return;
    text->size = text->size ? text->size : 64;
    while (text->size < wanted)
        text->size += text->size / 2;
    text->data = talloc_realloc_size(text->mem, text->data, text->size);
    if (!text->data)
        abort();
}

void text_add(struct text *text, const char *data, size_t len)
{
    make_room(text, len);
    memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static void add(struct text *text, const char *data)
{
    text_add(text, data, strlen(data));
}

static void add_escape(struct text *text, unsigned char c)
{
    static const char *const known[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n",
        ['\r'] = "\\r", ['\t'] = "\\t",
    };
    char code[8];

    if (c < sizeof(known) / sizeof(*known) && known[c]) {
        add(text, known[c]);
        return;
    }
    snprintf(code, sizeof(code), "\\u%04x", c);
    add(text, code);
}

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c != '"' && c != '\\';
}

static void add_quoted(struct text *text, const char *value)
{
    bool valid = utf8_valid(value, strlen(value));

    add(text, "\"");
    while (*value) {
        size_t len = 0;

        while (value[len] && is_plain((unsigned char)value[len]) &&
               (valid || (unsigned char)value[len] < 0x80))
            len++;
        text_add(text, value, len);
        value += len;
        if (!*value)
            break;
        if ((unsigned char)*value < 0x80)
            add_escape(text, (unsigned char)*value);
        else
            add(text, "?");
        value++;
    }
    add(text, "\"");
}

/* The comma that the last byte calls for, and the name. */
static void begin(struct text *text, const char *name)
{
    if (text->len > 0 && !strchr("{[", text->data[text->len - 1]))
        add(text, ",");
    if (!name)
        return;
    add_quoted(text, name);
    add(text, ":");
}

void text_open(struct text *text, const char *name, char bracket)
{
    begin(text, name);
    text_add(text, &bracket, 1);
}

void text_close(struct text *text, char bracket)
{
    text_add(text, &bracket, 1);
}

void text_string(struct text *text, const char *name, const char *value)
{
    begin(text, name);
    add_quoted(text, value);
}

void text_may_string(struct text *text, const char *name, const char *value)
{
    if (value && *value)
        text_string(text, name, value);
}

void text_bool(struct text *text, const char *name, bool value)
{
    begin(text, name);
    add(text, value ? "true" : "false");
}

void text_int(struct text *text, const char *name, long long value)
{
    char digits[32];

    begin(text, name);
    snprintf(digits, sizeof(digits), "%lld", value);
    add(text, digits);
}

void text_raw(struct text *text, const char *name, const struct text *json)
{
    begin(text, name);
    text_add(text, json->data ? json->data : "", json->len);
}
