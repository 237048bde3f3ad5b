#ifndef WORKER_DEPENDENCIES_H
#define WORKER_DEPENDENCIES_H

#include "attempt.h"
#include "dba.h"

/*
 * What became of the jobs that an attempt's job depends on: {"<job id>":
 * {"type", "status", "result", "artifacts": [names]}}. It lies in the input
 * folder as DEPENDENCIES_FILE; a warm process without folders gets it with the
 * job.
 */
#define DEPENDENCIES_FILE "dependencies.json"

/* Ask for them; dependencies_text makes the text, on `mem`, of the answer. */
void dependencies_ask(struct attempt *attempt, dba_fn *done, void *arg);
char *dependencies_text(void *mem, const struct db_result *rows);

/* Whether they are for the folder. */
bool dependencies_as_file(const struct attempt *attempt);

#endif
