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

#endif
