#ifndef WORKER_TAIL_H
#define WORKER_TAIL_H

#include "json.h"

/*
 * The last lines that an attempt has written to stderr, clean and without the
 * blank ones: at most TAIL_LINES of them, and TAIL_BYTES in all.
 */
#define TAIL_LINES 20
#define TAIL_BYTES 4096

struct tail;

struct tail *tail_new(void *mem);
void tail_add(struct tail *tail, const char *line, size_t len);

/* The last one; NULL where there is none. Good until the next is added. */
const char *tail_last(const struct tail *tail);

/* All of them as an array; nothing where there are none. */
void tail_write(const struct tail *tail, struct json_out *out,
                const char *name);

#endif
