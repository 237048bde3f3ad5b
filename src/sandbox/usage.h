#ifndef SANDBOX_USAGE_H
#define SANDBOX_USAGE_H

#include "options.h"

#include <sys/types.h>

/* A limit that was passed: its name as the type file has it, and in words. */
struct sandbox_breach {
    const char *limit, *words;
};

/*
 * Look at all that runs in the sandbox, whose first process is `inside` (0: it
 * is not there, or no more), and at what lies in its output. True: a limit was
 * passed.
 */
bool sandbox_usage_check(const struct sandbox_options *options, pid_t inside,
                         struct sandbox_breach *ret);

/* The first process of the sandbox, a child of bwrap; 0 while there is none. */
pid_t sandbox_usage_inside(pid_t bwrap);

#endif
