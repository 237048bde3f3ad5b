#ifndef STREAM_WHEEL_H
#define STREAM_WHEEL_H

#include "subscriber.h"

/*
 * All subscribers, spread over the time of a heartbeat, so that one timer
 * serves them all: each gets a comment once a heartbeat. A stream of many jobs
 * gets the newest position with it, lest a reconnect has to search far.
 */
struct wheel *wheel_new(void *mem, struct stream *stream);

void wheel_add(struct wheel *wheel, struct subscriber *sub);
void wheel_remove(struct wheel *wheel, struct subscriber *sub);

/* End all subscribers in good order. */
void wheel_end_all(struct wheel *wheel);

#endif
