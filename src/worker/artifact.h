#ifndef WORKER_ARTIFACT_H
#define WORKER_ARTIFACT_H

#include "attempt.h"
#include "error.h"

/*
 * Move what an attempt has left in its output folder into the store, and set
 * attempt->end.artifacts. Only regular files at its top count; what else is
 * there is named in the job's log. `err` of `done` is NULL where all went well.
 */
typedef void gather_fn(struct attempt *attempt, const struct error *err);

void artifacts_gather(struct attempt *attempt, gather_fn *done);

/* Take those of this attempt out of the store again; in the background. */
void artifacts_remove(struct attempt *attempt);

/* Remove those that earlier attempts at its job may have left. */
void artifacts_remove_older(struct attempt *attempt);

#endif
