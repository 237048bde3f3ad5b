#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include "error.h"

#include <stdint.h>

/* sd_notify("READY=1") and its kin; does nothing outside systemd. */
void notify(const char *state);

/* The listening socket: the one that systemd handed over, or a new one bound
 * to `where` (a path, mode 0660, a stale file replaced; or host:port),
 * backlog 1024, non-blocking, close-on-exec. */
bool notify_listen(const char *where, int *ret_fd, struct error *err) MUST_CHECK;

/* The watchdog's interval in ms as systemd asks, or 0. */
int64_t notify_watchdog_ms(void);

#endif
