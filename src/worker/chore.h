#ifndef WORKER_CHORE_H
#define WORKER_CHORE_H

#include "error.h"

#include <event2/event.h>

/*
 * Work on files that would hold up the loop (hashing an artifact, removing a
 * deep folder) is done by a few threads. A chore touches nothing but what it is
 * given, allocates on contexts of its own, and does not log.
 */
struct chores;

/* `after` is made active when some have been done. Freeing it waits for the
 * chores that have begun; the others are dropped. */
struct chores *chores_open(void *mem, struct event_base *base,
                           struct event *after, struct error *err);

/* Run work(arg) on some thread, then done(arg), which may be NULL, from the
 * loop. */
void chore_do(struct chores *chores, void (*work)(void *arg),
              void (*done)(void *arg), void *arg);

/* Chores that are not done. */
int chores_pending(const struct chores *chores);

#endif
