#ifndef WORKER_PROCESS_H
#define WORKER_PROCESS_H

#include "attempt.h"

#include "error.h"

struct pool;

/*
 * A warm process: takes jobs as JSON lines on its stdin and answers on its
 * stdout, in any order.
 */
struct process;

TAILQ_HEAD(process_list, process);

bool process_start(struct pool *pool, struct process **ret,
                   struct error *err) MUST_CHECK;

struct process *process_next(struct process *process);

/* Jobs that it has; -1 where it can have no more now. */
int process_load(struct process *process);

/* Hand over a job; lines go out with process_flush. */
void process_send(struct process *process, struct attempt *attempt);
void process_flush(struct process *process);

/* No more jobs for it; it may leave when it has answered for those it has. */
void process_close(struct process *process);

/* End it because of one of its jobs; the others are given back. */
void process_stop(struct process *process, enum guard_command command);

#endif
