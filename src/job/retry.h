#ifndef JOB_RETRY_H
#define JOB_RETRY_H

#include "json.h"

enum retry_backoff { RETRY_EXPONENTIAL, RETRY_LINEAR, RETRY_CONSTANT };

#define RETRY_MAX_DELAYS 100

/* When a failed attempt is made again. Delays are milliseconds. */
struct retry {
    enum retry_backoff backoff;
    int64_t initial_ms, max_ms;
    int64_t delays_ms[RETRY_MAX_DELAYS]; /* instead of a backoff */
    int delay_count;                     /* 0: there is one */
    bool jitter; /* the delay is drawn from its upper half */
};

/* Exponential from 1 s to 10 min with jitter. */
extern const struct retry retry_default;

/*
 * Read {"backoff", "initial", "max", "jitter"}, each optional, on top of *ret;
 * or {"delays", "max", "jitter"}, where nothing but "max" limits the delays.
 * ERROR_INVALID: unknown_member, invalid_retry, invalid_duration.
 */
bool retry_read(json_t *json, struct retry *ret, struct error *err) MUST_CHECK;

/* The wait before the attempt after `attempt` (1 is the first); `random` in
 * [0, 1). Exponential doubles, linear adds the initial delay each time;
 * of a list the last delay repeats. */
int64_t retry_delay_ms(const struct retry *retry, int attempt, double random);

#endif
