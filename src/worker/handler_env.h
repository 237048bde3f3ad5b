#ifndef WORKER_HANDLER_ENV_H
#define WORKER_HANDLER_ENV_H

#include "child.h"
#include "worker.h"

/*
 * How a handler of a type is started: its command, limits and environment, in
 * the folder that was made for it. On `mem`. `attempt` is NULL for a warm
 * process, which learns of its jobs later.
 */
struct child_spec handler_spec(void *mem, const struct lane *lane,
                               const char *workdir,
                               const struct attempt *attempt);

#endif
