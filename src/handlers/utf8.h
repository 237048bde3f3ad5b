#ifndef HANDLERS_UTF8_H
#define HANDLERS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text is well-formed UTF-8: no overlong forms, no surrogates. */
bool utf8_valid(const char *text, size_t len);

/* How many characters (code points) a valid text has. */
size_t utf8_length(const char *text, size_t len);

/* The most bytes, up to max, that do not end inside a character. */
size_t utf8_cut(const char *text, size_t len, size_t max);

#endif
