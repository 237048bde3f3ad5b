#ifndef API_WAITERS_H
#define API_WAITERS_H

#include "error.h"

#include <stdint.h>

/*
 * Requests that wait for a job to end ("Prefer: wait=N"). One thread asks the
 * database for all of them: when the bell "events" rings, and every 250 ms in
 * case it was not heard. While nobody waits it does nothing. Safe to call from
 * several threads.
 */
struct waiters;

/* At most `most` requests wait at once: each of them holds a thread. */
bool waiters_start(void *mem, const char *url, const char *run_dir, int most,
                   struct waiters **ret, struct error *err) MUST_CHECK;

/* Returns true when the job has ended; false after `ms`, at once where too many
 * wait already, and early when the waiters stop. */
bool waiters_wait(struct waiters *waiters, const char *id, int64_t ms);

/* Send all of them home; new ones are not taken. */
void waiters_dismiss(struct waiters *waiters);

/* End the thread. Nobody may wait any more. */
void waiters_stop(struct waiters *waiters);

#endif
