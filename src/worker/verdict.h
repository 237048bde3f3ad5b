#ifndef WORKER_VERDICT_H
#define WORKER_VERDICT_H

#include "said.h"

/*
 * What the end of a handler's process says about its job. True: it has
 * succeeded. Else *ret is the failure, on `mem`; what the handler said itself
 * counts before `last_line`, the last one of its stderr (NULL: none).
 */
bool verdict(void *mem, const struct guard_report *report,
             const struct said *said, const char *last_line,
             struct failure *ret);

/* "SIGKILL"; on `mem`. */
char *signal_name(void *mem, int signo);

/* The same for a warm process that has died with jobs; never a success. */
void verdict_of_death(void *mem, const struct guard_report *report,
                      struct failure *ret);

/* The same where the process had a sandbox: what millrace-sandbox itself has
 * ended it for counts, and the log of the worker has it in words. A limit may
 * have been passed by any of its jobs, so that all may try again. */
void verdict_of_sandbox(const struct guard_report *report, struct failure *ret);

#endif
