#ifndef SANDBOX_BWRAP_H
#define SANDBOX_BWRAP_H

#include "options.h"

#include <sys/types.h>

/* A sandbox that is being made, or stands. */
struct sandbox {
    pid_t pid;     /* of bwrap, which is outside */
    int status_fd; /* see inside.h; it does not wait */
    int words_fd;  /* what bwrap has to say; it does not wait */
};

/* Start bwrap with the handler in it. False with errno, and nothing started.
 * Of descriptors 0 to 3, which the handler gets, we keep what we write to. */
bool sandbox_start(const struct sandbox_options *options, struct sandbox *ret);

#endif
