/*
 * The kind "fastcgi": jobs are requests to a server that is there already.
 */
#include "fastcgi.h"

#include "clock.h"
#include "fastcgi_request.h"
#include "log.h"
#include "worker.h"

#include <inttypes.h>
#include <talloc.h>

#define FIRST_WAIT_MS 200
#define LAST_WAIT_MS  30000

struct fastcgi {
    struct lane *lane;
    int refusals;          /* since the last answer */
    int64_t not_before_ms; /* no request until then */
    struct event *wake;
};

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct fastcgi *fastcgi = arg;

    (void)fd, (void)what;
    fastcgi->not_before_ms = 0;
    fastcgi->lane->full = true; /* nobody has looked meanwhile */
    worker_turn_soon(fastcgi->lane->worker);
}

static int fastcgi_done(struct fastcgi *fastcgi)
{
    event_free(fastcgi->wake);
    return 0;
}

struct fastcgi *fastcgi_new(struct lane *lane)
{
    struct fastcgi *fastcgi = talloc_zero(lane, struct fastcgi);

    fastcgi->lane = lane;
    fastcgi->wake = event_new(lane->worker->base, -1, 0, on_wake, fastcgi);
    talloc_set_destructor(fastcgi, fastcgi_done);
    return fastcgi;
}

bool fastcgi_ready(const struct fastcgi *fastcgi)
{
    return fastcgi->not_before_ms == 0;
}

void fastcgi_answered(struct fastcgi *fastcgi)
{
    fastcgi->refusals = 0;
}

/* What is queued goes back, to a worker that may do better. */
static void give_back_queue(struct lane *lane)
{
    struct attempt *attempt, *next;

    TAILQ_FOREACH_SAFE(attempt, &lane->queue, place, next)
        attempt_stop(attempt, STOP_GIVE_BACK);
}

/* Many that are refused at once are one refusal. */
void fastcgi_refused(struct fastcgi *fastcgi, const char *why)
{
    const struct job_type *type = fastcgi->lane->type;
    int64_t wait_ms = FIRST_WAIT_MS;
    struct timeval wait;

    if (!fastcgi_ready(fastcgi))
        return;
    for (int i = 0; i < fastcgi->refusals && wait_ms < LAST_WAIT_MS; i++)
        wait_ms *= 2;
    if (wait_ms > LAST_WAIT_MS)
        wait_ms = LAST_WAIT_MS;
    fastcgi->refusals++;
    fastcgi->not_before_ms = clock_mono_ms() + wait_ms;
    wait = timeval_of_ms(wait_ms);
    event_add(fastcgi->wake, &wait);
    log_warn("%s takes no jobs of the type %s: %s; trying again in %" PRId64
             " ms",
             type->socket, type->type, why, wait_ms);
    give_back_queue(fastcgi->lane);
    worker_turn_soon(fastcgi->lane->worker);
}

static void fastcgi_dispatch(struct lane *lane)
{
    struct attempt *attempt;

    /* A refusal gives the queue back. */
    while ((attempt = TAILQ_FIRST(&lane->queue))) {
        TAILQ_REMOVE(&lane->queue, attempt, place);
        fastcgi_request_start(lane->fastcgi, attempt);
    }
}

static void fastcgi_stop(struct attempt *attempt, enum guard_command command)
{
    (void)command;
    fastcgi_request_stop(attempt->run);
}

const struct handler fastcgi_handler = {fastcgi_dispatch, fastcgi_stop};
