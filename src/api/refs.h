#ifndef API_REFS_H
#define API_REFS_H

#include "enqueue.h"
#include "json.h"

/*
 * Let the jobs of one batch depend on one another: where the dependsOn of one
 * (in `list`, as it was posted) has another's ref, the id of that one takes its
 * place. ERROR_INVALID duplicate_ref, unknown_ref, and dependency_cycle where
 * none of some jobs could ever begin; err->item is a job to blame.
 */
bool refs_resolve(void *mem, json_t *list, struct new_job *jobs, int count,
                  struct error *err) MUST_CHECK;

#endif
