#ifndef WORKER_CLAIM_H
#define WORKER_CLAIM_H

#include "worker.h"

/*
 * Asks the database for jobs. A claim is sent when a bell rings, when there may
 * be more than the last one took and room has appeared, when a waiting job is
 * due, and once a second with the heartbeat, whatever hints were lost. One
 * statement is under way at a time. An idle worker asks once a second.
 */
struct claimer;

struct claimer *claimer_new(void *mem, struct worker *worker);

/* The worker has begun, or has other types: a heartbeat is due. */
void claimer_begin(struct claimer *claimer);

/* Send what is to be sent. From the worker's turn. */
void claimer_turn(struct claimer *claimer);

/* No statement is under way. */
bool claimer_idle(const struct claimer *claimer);

/* A job will be due in so many ms: it is this worker that retries it. */
void claimer_due(struct claimer *claimer, int64_t delay_ms);

#endif
