#ifndef WORKER_WEB_ANSWER_H
#define WORKER_WEB_ANSWER_H

#include "attempt.h"

/*
 * What a web server has answered to a job that was sent to it. 2xx: the body is
 * the result. 408, 425, 429 and 5xx: another attempt, when Retry-After says so
 * or the job's policy does. All other: no other attempt. The error's code is
 * http_NNN, its message that of {"error": {"message": "..."}} in the body, or
 * {"error": "..."}; its details have the status and the body's error, or how
 * its text begins.
 */
struct web_answer {
    int status;
    const char *content_type, *retry_after; /* NULL: not said */
    const char *body;                       /* not ended by a zero byte */
    size_t len;
};

/* Whether an answer of this status is worth another attempt. */
bool web_status_is_passing(int status);

/* Retry-After as seconds or a date, seen at `now_ms`; 0: it is neither. At
 * least a millisecond, at most a day. */
int64_t web_retry_after_ms(const char *text, int64_t now_ms);

/* The end of the attempt, which must not be used after it. */
void web_answer_end(struct attempt *attempt, const struct web_answer *answer);

#endif
