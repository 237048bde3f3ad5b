#ifndef WORKER_SINK_H
#define WORKER_SINK_H

#include "buf.h"

#include <event2/event.h>

/*
 * The writing end of a pipe that somebody reads at his own pace. What he never
 * reads is dropped when he closes his end; that is no error here.
 */
struct sink;

/* Takes the descriptor, which must not block. */
struct sink *sink_open(void *mem, struct event_base *base, int fd);

/* Where to write: append, then flush. */
struct buf *sink_room(struct sink *sink);
void sink_flush(struct sink *sink);

/* Close when what was written has gone out; nothing may be added then. */
void sink_close(struct sink *sink);

#endif
