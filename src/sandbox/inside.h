#ifndef SANDBOX_INSIDE_H
#define SANDBOX_INSIDE_H

#include <stdint.h>

/* The first word of the command line that makes us the first process within:
 *   millrace-sandbox --inside STATUS_FD STDERR_FD RLIMIT... -- PROGRAM [ARG...]
 */
#define SANDBOX_INSIDE "--inside"

/* What comes through the status pipe. */
enum sandbox_event {
    SANDBOX_READY = 1,   /* the sandbox stands; nothing of the handler ran */
    SANDBOX_EXEC_FAILED, /* code is errno */
    SANDBOX_EXITED,      /* code is the exit status of the handler */
    SANDBOX_SIGNALED,    /* code is the signal */
};

struct sandbox_status {
    int32_t event; /* enum sandbox_event */
    int32_t code;
};

/* Start the handler, wait for its end, end all that it leaves. */
_Noreturn void sandbox_inside(int argc, char *argv[]);

#endif
