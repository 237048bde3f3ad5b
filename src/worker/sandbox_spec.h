#ifndef WORKER_SANDBOX_SPEC_H
#define WORKER_SANDBOX_SPEC_H

#include "environment.h"
#include "worker.h"

/*
 * The command line that runs a type's command in a sandbox: millrace-sandbox,
 * its options, the command as it is found within. On `mem`. The folders for
 * input and output are those of `workdir`.
 */
const char *const *sandbox_command(void *mem, const struct lane *lane,
                                   const char *workdir);

/* The variables of the contract that name folders, as they are within. */
void sandbox_set_dirs(struct environment *env);

#endif
