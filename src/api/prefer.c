#include "prefer.h"
#include "api.h"
#include "job.h"
#include "log.h"
#include "waiters.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

/* More digits than any wait needs, and fewer than could overflow. */
#define MAX_DIGITS 9

/* Runs that take longer are not waited for, others and unknown ones so long. */
#define AUTO_SLOW_MS 500
#define AUTO_WAIT_MS 1000

/* "wait=5", "wait = 5", "wait=\"5\"": what begins here, 0 if it is another. */
static int64_t wait_at(const char *text)
{
    size_t digits;

    if (strncasecmp(text, "wait", 4) != 0)
        return 0;
    text += 4 + strspn(text + 4, " ");
    if (*text != '=')
        return 0;
    text += 1 + strspn(text + 1, " \"");
    if (!strncasecmp(text, "auto", 4) && !isalnum((unsigned char)text[4]))
        return PREFER_AUTO;
    digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= MAX_DIGITS ? strtoll(text, NULL, 10) : 0;
}

int64_t prefer_seconds(const char *prefer)
{
    const char *at = prefer ? prefer : "";

    while (*at) {
        int64_t seconds;

        at += strspn(at, ",; \t");
        seconds = wait_at(at);
        if (seconds != 0)
            return seconds;
        at += strcspn(at, ",;");
    }
    return 0;
}

/* How long it makes sense to wait for a job of this type. Where nobody can tell
 * the job is stored all the same: a failure here is none of the request's. */
static int64_t auto_ms(struct request *req, const char *id)
{
    struct error err;
    struct db *db;
    int64_t ms;

    if (!http_db(req, &db, &err) || !job_run_time(db, id, &ms, &err)) {
        log_warn("cannot tell how long jobs like %s take: %s", id, err.text);
        return 0;
    }
    return ms > AUTO_SLOW_MS ? 0 : AUTO_WAIT_MS;
}

static void say_applied(struct request *req, struct response *res,
                        int64_t seconds)
{
    http_header(req, res, "Preference-Applied",
                seconds == PREFER_AUTO
                    ? "wait=auto"
                    : talloc_asprintf(req, "wait=%" PRId64, seconds));
}

bool prefer_wait_as(struct request *req, struct response *res,
                    const char *prefer, const char *id)
{
    int64_t seconds = prefer_seconds(prefer);
    int64_t ms;

    if (seconds == 0 || !req->api->waiters)
        return false;
    ms = seconds == PREFER_AUTO ? auto_ms(req, id) : seconds * 1000;
    if (ms > req->api->conf->max_wait)
        ms = req->api->conf->max_wait;
    if (ms == 0)
        return false;
    http_db_done(req);
    if (!waiters_wait(req->api->waiters, id, ms))
        return false;
    say_applied(req, res, seconds);
    return true;
}

bool prefer_wait(struct request *req, struct response *res, const char *id)
{
    return prefer_wait_as(req, res, req->prefer, id);
}
