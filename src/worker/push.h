#ifndef WORKER_PUSH_H
#define WORKER_PUSH_H

#include "lane.h"

/*
 * The kind "http": each job is a request to a web server, signed, with the
 * payload as its body. All requests of a lane are under way at once, in the
 * worker's own loop.
 */
struct push;

struct push *push_new(struct lane *lane);

/* How many jobs the lane can have now. */
int64_t push_places(const struct push *push);

/* Ask the database when the attempt's server has reported last, and tell
 * attempt_silent. */
void push_ask_silence(struct attempt *attempt);

#endif
