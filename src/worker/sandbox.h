/*
 * How millrace-worker and millrace-sandbox talk.
 *
 *   millrace-sandbox [--bwrap PATH] [--handlers DIR] [--input DIR]
 *                    [--output DIR] [--read-only PATH]... [--hide PATH]...
 *                    [--limit NAME=N]... [--rlimit NAME=SOFT[:HARD]]...
 *                    -- PROGRAM [ARG...]
 *   millrace-sandbox --check [--bwrap PATH]
 *
 * It stands between millrace-guard and a handler that is not trusted: as the
 * handler it gets 0, 1, 2 and 3, and it ends as the handler does, by the same
 * status or signal. What it has to say itself it says as a handler would: an
 * error on descriptor 3, in words on 2, and the exit statuses below.
 *
 * --check exits with 0 where a sandbox can be made, else it says on stderr why not, and on
 * the next line what to do, and
 * exits with 1.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

/* Where things are within. */
#define SANDBOX_HOME     "/tmp"
#define SANDBOX_INPUT    "/tmp/input"
#define SANDBOX_OUTPUT   "/tmp/output"
#define SANDBOX_HANDLERS "/handlers"

#define SANDBOX_BWRAP "/usr/bin/bwrap"

/* In the error of a job. */
#define SANDBOX_CODE_UNAVAILABLE "sandbox_unavailable"
#define SANDBOX_CODE_LIMIT       "sandbox_limit"

/* EX_USAGE and EX_DATAERR: both are final. */
enum {
    SANDBOX_EXIT_UNAVAILABLE = 64,
    SANDBOX_EXIT_LIMIT = 65,
};

#endif
