#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "buf.h"

#include <stdbool.h>

/* One event of a stream; the texts live during the call. */
struct sse_event {
    const char *id, *name, *data;
};

/* False ends the reading. */
typedef bool sse_fn(const struct sse_event *event, void *arg);

/*
 * A reader of server-sent events, as the standard of HTML has them. `last_id`
 * is the id of the last event that came whole ("" at first): where to go on
 * behind.
 */
struct sse {
    struct buf line, id, name, data, last_id;
    bool
        after_return; /* the last byte was a CR: a LF that follows is its own */
    sse_fn *on_event;
    void *arg;
};

void sse_init(struct sse *sse, void *mem, sse_fn *on_event, void *arg);

/* Forget what is unfinished: a new stream begins. */
void sse_restart(struct sse *sse);

/* Take the next bytes; false once on_event has ended it. */
bool sse_feed(struct sse *sse, const char *data, size_t len);

#endif
