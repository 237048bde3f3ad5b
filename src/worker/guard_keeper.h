#ifndef GUARD_KEEPER_H
#define GUARD_KEEPER_H

#include "guard.h"
#include "guard_options.h"

/* Say what happened over the control socket; nobody may be there to hear it. */
void guard_keeper_report(const struct guard_report *report);
void guard_keeper_report_failure(enum guard_outcome how, int code);

/*
 * Run the handler and report on it, with nothing of it left.  guard_fd is a
 * pidfd: when that process ends, so does the handler.  Gives the exit status.
 */
int guard_keeper_run(const struct guard_options *options, int guard_fd);

#endif
