#ifndef WORKER_PROGRESS_H
#define WORKER_PROGRESS_H

#include "attempt.h"
#include "dba.h"

/*
 * How far attempts are. Of several reports only the latest is told, and that of
 * a running attempt at most every 100 ms.
 */
struct progress;

struct progress *progress_new(void *mem, struct worker *worker);

/* percent -1, or message NULL, leaves it as it is. */
void progress_note(struct progress *progress, struct attempt *attempt,
                   int percent, const char *message, size_t len);

/* Whether something can be told now. */
bool progress_due(const struct progress *progress);

/* Tell what is due, as one statement; false where there is nothing. */
bool progress_send(struct progress *progress, dba_fn *done, void *arg);

/* What was sent is stored, or never will be; or it has to be told again. */
void progress_told(struct progress *progress);
void progress_untold(struct progress *progress);

/* While nothing is under way: forget attempts that are no longer ours. */
void progress_drop_lost(struct progress *progress);

#endif
