#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include "error.h"
#include "guard.h"

#include <event2/event.h>

/*
 * A handler's process and all that it starts, behind a millrace-guard that
 * answers for them.
 */
struct child;

struct child_spec {
    const char *const *command; /* NULL-terminated */
    char *const *env;
    const char *cwd;     /* NULL: that of the worker */
    const char **limits; /* "nofile=64", ... NULL */
    int64_t kill_grace_ms;
    bool events; /* with the channel at descriptor 3 */
};

/* Our ends of its pipes; they do not block. events is -1 where not asked for.
 */
struct child_pipes {
    int in, out, err, events;
};

/* Nothing of it is left. Called once, and not if the child was freed before. */
typedef void child_fn(const struct guard_report *report, void *arg);

/*
 * Start one. Freeing it before its end kills all of it. ERROR_UNAVAILABLE: no
 * descriptors or processes are left on this machine.
 */
bool child_start(void *mem, struct event_base *base,
                 const struct child_spec *spec, child_fn *ended, void *arg,
                 struct child **ret, struct child_pipes *ret_pipes,
                 struct error *err) MUST_CHECK;

/* Ask it to end (GUARD_TERM, then killed after the grace), or kill it. */
void child_stop(struct child *child, enum guard_command command);

/*
 * For main, before anything is opened: descriptors that a child gets as its own
 * are taken, and processes that lose their guard become our children.
 */
void child_prepare(void);

/* Reap ended guards; kill and reap what has lost its guard. On SIGCHLD. */
void child_reap(void);

#endif
