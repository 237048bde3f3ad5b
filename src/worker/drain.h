#ifndef WORKER_DRAIN_H
#define WORKER_DRAIN_H

#include "worker.h"

/*
 * A stop in good order: what has not started is given back, what runs has the
 * grace to end, then it is stopped and given back too. When all is recorded, or
 * the database has been away too long for that, the loop ends.
 */
struct drain;

struct drain *drain_new(void *mem, struct worker *worker);

/* Called once more it ends the grace. */
void drain_begin(struct worker *worker);

/* See whether the next step can be taken. From the worker's turn. */
void drain_turn(struct drain *drain);

#endif
