#ifndef WORKER_TEXT_H
#define WORKER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What handlers write may be anything; what goes to the database is UTF-8
 * without zero bytes.
 */

/* Whether it is so already. */
bool text_is_clean(const char *text, size_t len);

/* A copy with U+FFFD for each byte that is none, on `mem`. */
char *text_clean(void *mem, const char *text, size_t len);

/* Whether there is nothing to see in it. */
bool text_is_blank(const char *text, size_t len);

/* The most bytes of a clean text, up to `max`, that do not end inside a
 * character. */
size_t text_cut(const char *text, size_t len, size_t max);

#endif
