/*
 * How millrace-worker and millrace-guard talk.
 *
 *   millrace-guard [--rlimit NAME=SOFT[:HARD]]... [--cwd DIR]
 *                  [--kill-grace-ms N] -- PROGRAM [ARG...]
 *
 * The worker starts one guard per handler process, with the handler's
 * environment, with 0, 1, 2 (and 3, the events pipe, where the handler has one)
 * as the handler gets them, and with one end of a SOCK_SEQPACKET socketpair at
 * GUARD_CONTROL_FD.  The worker's own end must be close-on-exec: the guard
 * takes its closing for the death of the worker.
 *
 * The worker sends single bytes (enum guard_command); the guard sends one
 * struct guard_report, after the last of the handler's processes has gone, and
 * then closes the socket.  An end of file without a report means that both
 * processes of the guard were killed.  The exit of the process that the worker
 * started says nothing by itself; it only has to be waited for.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdint.h>

enum {
    GUARD_EVENTS_FD = 3,
    GUARD_CONTROL_FD = 4,
    GUARD_KILL_GRACE_MS = 5000, /* where --kill-grace-ms is not given */
};

/* What the worker may ask for; closing the socket is as good as GUARD_KILL. */
enum guard_command {
    GUARD_TERM = 'T', /* SIGTERM to every process, after the grace GUARD_KILL */
    GUARD_KILL = 'K', /* SIGKILL to every process, at once */
};

/* What became of the handler, and what the report's code then holds. */
enum guard_outcome {
    GUARD_EXITED = 1,  /* code is the exit status */
    GUARD_SIGNALED,    /* code is the signal */
    GUARD_EXEC_FAILED, /* the program could not be executed; code is errno */
    GUARD_FAILED,      /* the guard could not prepare it; code is errno */
    GUARD_LOST,        /* the guard was hurt; code is the signal, or 0 */
};

/*
 * The resources are those of the handler and of all its descendants, but for
 * max_rss_kb: that is the largest single process.  wall_ms ends with the
 * handler's main process.
 */
struct guard_report {
    int32_t how; /* enum guard_outcome */
    int32_t code;
    int64_t user_us;
    int64_t system_us;
    int64_t max_rss_kb;
    int64_t wall_ms;
};

_Static_assert(sizeof(struct guard_report) == 40, "no padding on the wire");

#endif
