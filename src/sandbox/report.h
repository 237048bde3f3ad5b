#ifndef SANDBOX_REPORT_H
#define SANDBOX_REPORT_H

#include "options.h"
#include "usage.h"

/*
 * What we say ourselves, as a handler would: an error on descriptor 3 and in
 * words on stderr. Each gives the exit status that goes with it.
 */

/* No descriptors or processes are left: another time it may be well. */
int report_failed_start(int error);

/* No sandbox can be made here; `words` are bwrap's. */
int report_unavailable(const struct sandbox_options *options,
                       const char *words);

int report_breach(const struct sandbox_breach *breach);
int report_failed_exec(const char *program, int error);

#endif
