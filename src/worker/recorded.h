#ifndef WORKER_RECORDED_H
#define WORKER_RECORDED_H

#include "attempt.h"

/*
 * What follows when the database has an attempt's end: the worker's log says
 * so, and what the end makes needless is removed. `state` is what the job is in
 * now; NULL: the attempt was not ours any more, and nothing has changed.
 */
void recorded(struct attempt *attempt, const char *state);

#endif
