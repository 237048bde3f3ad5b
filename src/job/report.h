#ifndef JOB_REPORT_H
#define JOB_REPORT_H

#include "db.h"
#include "secret.h"

/*
 * A report of an attempt by the web server that has it. Its token is
 * HMAC-SHA256 of "ID.ATTEMPT" under the key of the worker that has sent it
 * there, in hex.
 */
#define REPORT_KEY   32
#define REPORT_TOKEN 65 /* with the end */

void report_token(const char key[REPORT_KEY], const char *id, int attempt,
                  char ret[REPORT_TOKEN]);

/* What a report says; what is not said is NULL, percent -1. */
struct report {
    const char *id;
    int attempt;
    int percent;
    const char *message;
    const char **lines; /* of the log */
    int line_count;
    const char *result; /* JSON: the job is completed */
};

/* What became of it. */
struct report_taken {
    bool cancelling; /* someone wants the job to end */
    bool log_full;   /* lines were left out: there is no room for more */
    bool freed;      /* others may start now that have waited for it */
};

/*
 * Take a report. Secrets of the payload are hidden in it. ERROR_DENIED
 * invalid_token; ERROR_CONFLICT attempt_over: what it says is of no interest
 * any more.
 */
bool report_take(struct db *db, void *mem, const char *token,
                 const struct report *report, struct report_taken *ret,
                 struct error *err) MUST_CHECK;

#endif
