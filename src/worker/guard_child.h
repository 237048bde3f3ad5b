#ifndef GUARD_CHILD_H
#define GUARD_CHILD_H

#include "guard.h"
#include "guard_options.h"

#include <stdbool.h>
#include <sys/types.h>

/* Why the program was never executed. */
struct guard_child_failure {
    int32_t how; /* enum guard_outcome */
    int32_t code;
};

/*
 * Start the handler in a session of its own.  Gives its pid, and the pipe that
 * guard_child_failed reads after it has ended.  False with errno.
 */
bool guard_child_start(const struct guard_options *options, pid_t *ret,
                       int *ret_failure_fd);

/* True, with the reason, if what has ended was still us and not the program. */
bool guard_child_failed(int failure_fd, struct guard_child_failure *ret);

#endif
