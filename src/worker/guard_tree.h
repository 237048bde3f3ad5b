/*
 * The processes below this one.  It must be a child subreaper, so that what
 * loses its parent, in whatever session, becomes its child.
 */
#ifndef GUARD_TREE_H
#define GUARD_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The one child whose end matters; filled in by whoever reaps it. */
struct guard_tree_main {
    pid_t pid;
    bool ended;
    int status;
    int64_t ended_ms;
};

int64_t guard_tree_clock_ms(void);

/* False where /proc does not show our children: nothing could be ended.  With
 * errno. */
bool guard_tree_visible(void);

/* Send a signal to every descendant, once. */
void guard_tree_signal(int signo);

/* Reap what has ended, or some of it, with a SIGCHLD to come back for the rest.
   False when there is no child left at all. */
bool guard_tree_reap(struct guard_tree_main *main);

/* Kill and reap until no descendant is left.  SIGCHLD must be blocked. */
void guard_tree_end(struct guard_tree_main *main);

#endif
