#ifndef WORKER_ASK_H
#define WORKER_ASK_H

#include "worker.h"

/*
 * How many jobs of which types a claim asks for, and what its answer says about
 * the lanes: which of them may have more.
 */
struct ask;

/* Jobs that the worker could take now. */
int ask_total(struct worker *worker);

/* For the room that there is now. What *ret points to hangs on the ask. */
struct ask *ask_new(void *mem, struct worker *worker, struct run_ask *ret);

/* The slot of a program is free: what was left for a lack of slots without a
 * reserve is asked for again. */
void ask_freed(struct worker *worker);

/* A job of the answer, before it is taken; and the end of the answer. */
void ask_got(struct ask *ask, struct worker *worker, const struct run *run);
void ask_done(struct ask *ask, struct worker *worker);

/* Whether the answer had some of what was asked for, but not all. */
bool ask_fell_short(const struct ask *ask);

#endif
