#ifndef WORKER_SAID_H
#define WORKER_SAID_H

#include "attempt.h"

/*
 * What a handler says in JSON about its job while it runs, on descriptor 3 or,
 * if it is a warm process, in its lines: {"progress": 40, "message": "...",
 * "error": {"code", "message", "details", "artifacts"}, "retryAfter": "30s"}.
 */
struct said {
    const char *code, *message; /* of the error; NULL: none */
    json_t *details;            /* borrowed; NULL: none */
    bool keeps_artifacts;       /* though the job fails */
    int64_t retry_after_ms;     /* 0: not said */
};

/* The error of a line, all of it optional, into *ret on `mem`. False where it
 * is no error: neither a text nor an object of the right members. */
bool said_error(void *mem, json_t *error, struct said *ret);

/* Pass on the progress and message of a line. False where they are of the wrong
 * types. */
bool said_progress(struct attempt *attempt, json_t *line);

/* A wait such as "30s" or a number of seconds; 0 where it is none. */
int64_t said_retry_after(json_t *value);

#endif
