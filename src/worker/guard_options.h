#ifndef GUARD_OPTIONS_H
#define GUARD_OPTIONS_H

#include "guard_limits.h"

struct guard_options {
    struct guard_limits limits;
    const char *cwd; /* NULL: where the guard was started */
    int64_t kill_grace_ms;
    char **command; /* NULL-terminated, at least the program */
};

/* Read the command line; strings point into argv.  Complains on stderr. */
bool guard_options_read(struct guard_options *ret, int argc, char *argv[]);

#endif
