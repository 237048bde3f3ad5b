#ifndef CORE_UUID_H
#define CORE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT 37 /* 36 characters and the end */

/*
 * A new UUID of version 7: 48 bits of `now_ms`, then random bits; ids made in
 * one process within a millisecond still rise (RFC 9562, method 1: a counter).
 * Safe to call from several threads.
 */
void uuid_new(int64_t now_ms, char ret[UUID_TEXT]);

/* Whether the text is a UUID in its canonical form (either case). */
bool uuid_valid(const char *text);

#endif
