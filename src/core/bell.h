#ifndef CORE_BELL_H
#define CORE_BELL_H

#include "error.h"

/*
 * Hints between processes of one host: a datagram to every unix socket in
 * RUN_DIR/bell/ whose name begins with the bell's: "jobs" wakes workers (there
 * may be jobs to claim, or cancels), "events" wakes streams and whoever waits
 * for a job to end. A ring may be lost; nothing depends on it but the delay.
 */

/* Listen: a non-blocking datagram socket RUN_DIR/bell/NAME.PID, removed when
 * `mem` is freed. Makes RUN_DIR/bell where it is missing. */
bool bell_listen(void *mem, const char *run_dir, const char *name, int *ret_fd,
                 struct error *err) MUST_CHECK;

/* Read the rings away. */
void bell_drain(int fd);

/* Ring: never blocks, never fails. The list of listeners is read at most once
 * in 500 ms; listeners that are gone are skipped and their sockets removed.
 * Safe to call from several threads. */
void bell_ring(const char *run_dir, const char *name);

#endif
