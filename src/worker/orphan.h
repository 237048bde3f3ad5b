#ifndef WORKER_ORPHAN_H
#define WORKER_ORPHAN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Kill every child of this process that is none of its own making: where both
 * processes of a guard were killed, what they had minded comes to us, the next
 * subreaper. Their children come when they are reaped.
 */
void orphans_kill(bool (*is_ours)(pid_t pid));

#endif
