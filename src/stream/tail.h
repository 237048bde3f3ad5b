#ifndef STREAM_TAIL_H
#define STREAM_TAIL_H

#include "snapshot.h"
#include "stream.h"

/*
 * The end of the event log, read once for all subscribers: when a bell rings,
 * and every second besides, since a ring may be lost. While nobody listens it
 * does nothing. It keeps a connection of its own.
 */
bool tail_open(void *mem, struct stream *stream, struct tail **ret,
               struct error *err) MUST_CHECK;

/*
 * May someone who has seen all that `now` sees listen from here on? False if
 * the tail has handed out more than that already. The first to listen says
 * where the tail begins.
 */
bool tail_joins(struct tail *tail, const struct snapshot *now) MUST_CHECK;

/* Up to where all has been handed out, or NULL: idle, or amid a look. */
const struct snapshot *tail_seen(const struct tail *tail);

bool tail_connected(const struct tail *tail);

#endif
