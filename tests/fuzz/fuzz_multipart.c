/*
 * Any bytes, in pieces of any size: the parser says the same however they come
 * in, calls back in order, and keeps its limits. The first byte is the size of
 * the pieces, the first line the Content-Type.
 */
#include "multipart.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct listener {
    uint64_t sum; /* over all that was said */
    int parts;
    size_t len; /* of the part's content so far */
    bool in_part, is_file;
};

static void add(struct listener *to, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to->sum = to->sum * 31 + (uint8_t)data[i];
}

static void add_text(struct listener *to, const char *text)
{
    add(to, text ? text : "-", text ? strlen(text) + 1 : 1);
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool on_begin(void *arg, const struct multipart_part *part,
                     struct error *err)
{
    struct listener *to = arg;

    (void)err;
    must(!to->in_part && part->name);
    must(++to->parts <= MULTIPART_MOST_PARTS);
    add_text(to, part->name);
    add_text(to, part->filename);
    add_text(to, part->content_type);
    to->in_part = true;
    to->is_file = part->filename;
    to->len = 0;
    return true;
}

static bool on_data(void *arg, const char *data, size_t len, struct error *err)
{
    struct listener *to = arg;

    (void)err;
    must(to->in_part && len > 0);
    to->len += len;
    must(to->is_file || to->len <= MULTIPART_MOST_FIELD);
    add(to, data, len);
    return true;
}

static bool on_end(void *arg, struct error *err)
{
    struct listener *to = arg;

    (void)err;
    must(to->in_part);
    to->in_part = false;
    to->sum = to->sum * 31 + to->len;
    return true;
}

static const struct multipart_calls calls = {on_begin, on_data, on_end};

/* Everything said of the body; of a refused one only that it was refused, since
 * how much of its last part was handed on before depends on the pieces. */
static uint64_t digest(const char *type, const char *body, size_t len,
                       size_t piece)
{
    struct listener to = {0};
    struct error err = {0};
    struct multipart *multipart = NULL;
    void *mem = talloc_new(NULL);
    bool ok = multipart_open(mem, type, &calls, &to, &multipart, &err);

    for (size_t at = 0; ok && at < len; at += piece)
        ok = multipart_feed(multipart, body + at,
                            len - at < piece ? len - at : piece, &err);
    ok = ok && multipart_end(multipart, &err);
    must(ok ||
         (err.kind == ERROR_INVALID && !strcmp(err.code, "invalid_multipart")));
    must(!ok || !to.in_part);
    if (!ok) {
        to.sum = 0;
        add_text(&to, err.text);
    }
    talloc_free(mem);
    return to.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
    const char *body;
    char *type;
    size_t len;

    if (!line)
        return 0;
    type =
        talloc_strndup(NULL, (const char *)data + 1, (size_t)(line - data - 1));
    body = (const char *)line + 1;
    len = size - (size_t)(line + 1 - data);
    must(digest(type, body, len, (size_t)data[0] + 1) ==
         digest(type, body, len, len + 1));
    talloc_free(type);
    return 0;
}
