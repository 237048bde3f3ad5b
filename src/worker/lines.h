#ifndef WORKER_LINES_H
#define WORKER_LINES_H

#include "buf.h"

#include <stdbool.h>

/*
 * Cuts what comes in pieces into lines. A line that is longer than `max` is
 * handed on once, as its first `max` bytes, with `cut` set; the rest of it is
 * dropped. Lines come without their line feed and without an end byte.
 */
typedef void line_fn(const char *line, size_t len, bool cut, void *arg);

struct lines {
    void *mem;
    size_t max;
    line_fn *on_line;
    void *arg;
    struct buf kept; /* the beginning of a line; no data until there is one */
    bool skipping;   /* until the next line feed */
};

void lines_init(struct lines *lines, void *mem, size_t max, line_fn *on_line,
                void *arg);

void lines_feed(struct lines *lines, const char *data, size_t len);

/* What is left is a line too. */
void lines_end(struct lines *lines);

#endif
