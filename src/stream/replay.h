#ifndef STREAM_REPLAY_H
#define STREAM_REPLAY_H

#include "subscriber.h"

/*
 * Bring a subscriber up to date and have it join the hub. Events are read from
 * the log, from its position on (without one: the present state of a job or a
 * batch, and nothing of many jobs), until a statement has seen as much as the tail has
 * handed out: then the tail goes on where it ended, and nothing was missed or
 * comes twice. What is sent at once is bounded; the rest is read when the
 * client has taken that.
 */
void replay_start(struct subscriber *sub);

/* Take a subscriber out of the hub; what comes after its position is replayed
 * when it has taken what is unsent. */
void replay_resume(struct subscriber *sub);

/* All that was sent to the subscriber has left. */
void replay_drained(struct subscriber *sub);

#endif
