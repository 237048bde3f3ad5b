#ifndef WORKER_PURGE_H
#define WORKER_PURGE_H

#include "worker.h"

/*
 * The housekeeping of retention: jobs whose time has come leave with their
 * files, and so do uploads that no job uses. In three steps, so that whatever
 * dies in between is taken up by the next that asks: the database marks them,
 * threads remove their files, the database forgets them. It has a connection
 * of its own: claims and ends do not wait for it.
 */
struct purge;

struct purge *purge_new(void *mem, struct worker *worker);

/* A heartbeat was heard; see whether it is time to ask. */
void purge_turn(struct purge *purge);

#endif
