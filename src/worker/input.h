#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include "attempt.h"

/*
 * Lay the uploaded files of an attempt's job into its input folder, under their
 * own names, beside what became of the jobs that it depends on; then call
 * `done`, with a failure where that was not possible.
 */
typedef void input_fn(struct attempt *attempt, const struct failure *failure);

void input_fetch(struct attempt *attempt, input_fn *done);

/* A statement for it has failed: where the database could not be asked, rather
 * than would not answer, that is no fault of the job, which goes back. */
void input_not_asked(struct attempt *attempt, const struct error *why);

#endif
