#ifndef WORKER_RECORDER_H
#define WORKER_RECORDER_H

#include "attempt.h"

/*
 * Tells the database what became of the attempts: log lines and progress while
 * they run, then how they ended. One statement is under way at a time; the next
 * takes all that has come since, so that batches grow with the load and nothing
 * waits where there is none. What cannot be told now is kept until it can.
 */
struct recorder;

struct recorder *recorder_new(void *mem, struct worker *worker);

/* Takes an attempt that has ended; of a lost one nothing is told. */
void recorder_end(struct recorder *recorder, struct attempt *attempt);

/* Some attempts are not ours any more: what is to be told of them is dropped.
 */
void recorder_lost(struct recorder *recorder);

/* How far an attempt is: percent -1 or message NULL leave that as it is. */
void recorder_progress(struct recorder *recorder, struct attempt *attempt,
                       int percent, const char *message, size_t len);

/* A line of an attempt's log; what is over the limits is left out. */
void recorder_log(struct recorder *recorder, struct attempt *attempt,
                  const char *line, size_t len);

/* Send what is to be sent. From the worker's turn. */
void recorder_turn(struct recorder *recorder);

/* Whether all is told. */
bool recorder_idle(const struct recorder *recorder);

#endif
