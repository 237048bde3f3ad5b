#ifndef WORKER_WORKDIR_H
#define WORKER_WORKDIR_H

#include "worker.h"

/*
 * The folders in DATA_DIR/work that handlers run in: input/, output/ and tmp/.
 * Their names end in @<worker name>, so that each worker can tell its own.
 */

/* A new one; an absolute path on `mem`. `name` is "<job>-<attempt>". */
bool workdir_make(void *mem, const struct worker *worker, const char *name,
                  char **ret, struct error *err) MUST_CHECK;

/* Take it away; its name is free at once, its files go in the background. */
void workdir_drop(struct worker *worker, const char *path);

/* Remove what an earlier run of this worker has left; its lock is held. */
void workdir_sweep(const struct conf *conf);

#endif
