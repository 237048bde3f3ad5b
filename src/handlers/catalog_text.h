/* JSON that is written as it comes: small, and no tree is held. */
#ifndef HANDLERS_CATALOG_TEXT_H
#define HANDLERS_CATALOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A growing text on a talloc context. What stands between values is the
 * writer's to know: a comma is put where the last byte needs one, so that a
 * member or an element can be added without a look at what is there.
 */
struct text {
    void *mem;
    char *data; /* ends with a zero byte once something is there */
    size_t len, size;
};

void text_init(struct text *text, void *mem);
void text_add(struct text *text, const char *data, size_t len);

/* Begin or end an object or an array: one of {}[]. With a name (NULL: none) as
 * a member. */
void text_open(struct text *text, const char *name, char bracket);
void text_close(struct text *text, char bracket);

/* A value; may_ adds none where it is NULL or empty. Bytes that are not UTF-8
 * become '?'. */
void text_string(struct text *text, const char *name, const char *value);
void text_may_string(struct text *text, const char *name, const char *value);
void text_bool(struct text *text, const char *name, bool value);
void text_int(struct text *text, const char *name, long long value);

/* A value that is JSON already. */
void text_raw(struct text *text, const char *name, const struct text *json);

#endif
