/*
 * The way of an attempt, from its claim to its handler.
 */
#include "attempt.h"

#include "clock.h"
#include "connection_file.h"
#include "dependencies.h"
#include "input.h"
#include "log.h"
#include "push.h"
#include "secret.h"
#include "workdir.h"
#include "worker.h"

#include <assert.h>
#include <string.h>
#include <talloc.h>

static void enqueue(struct attempt *attempt)
{
    attempt->stage = ATTEMPT_QUEUED;
    TAILQ_INSERT_TAIL(&attempt->lane->queue, attempt, place);
    worker_turn_soon(attempt->worker);
}

static void on_prepared(struct attempt *attempt, const struct failure *failure)
{
    if (attempt->stop)
        attempt_give_back(attempt);
    else if (failure)
        attempt_fail(attempt, failure);
    else
        enqueue(attempt);
}

static void fetch_input(struct attempt *attempt)
{
    if (attempt->files || attempt->has_dependencies)
        input_fetch(attempt, on_prepared);
    else
        enqueue(attempt);
}

static void on_connection(struct attempt *attempt,
                          const struct failure *failure)
{
    if (attempt->stop || failure)
        on_prepared(attempt, failure);
    else
        fetch_input(attempt);
}

static bool make_workdir(struct attempt *attempt, struct error *err)
{
    char *name =
        talloc_asprintf(attempt, "%s-%d", attempt->id, attempt->number);
    bool ok =
        workdir_make(attempt, attempt->worker, name, &attempt->workdir, err);

    talloc_free(name);
    return ok;
}

static void prepare(struct attempt *attempt)
{
    struct failure failure = {.code = "workdir_failed"};
    struct lane *lane = attempt->lane;
    bool folders =
        attempt->files || lane->type->files || lane_is_program(lane) ||
        (attempt->has_dependencies && dependencies_as_file(attempt));
    struct error err;

    if (attempt->worker->draining || lane->retired) {
        attempt_give_back(attempt);
    } else if (folders && !make_workdir(attempt, &err)) {
        failure.message = err.text;
        attempt_fail(attempt, &failure);
    } else if (attempt->connection) {
        connection_file_make(attempt, on_connection);
    } else {
        fetch_input(attempt);
    }
}

static struct attempt *attempt_new(struct worker *worker, const char *id,
                                   int number)
{
    struct attempt *attempt = talloc_zero(worker, struct attempt);

    attempt->worker = worker;
    attempt->number = number;
    attempt->percent = -1;
    memcpy(attempt->id, id, UUID_TEXT);
    attempt->end.id = attempt->id;
    attempt->end.attempt = number;
    TAILQ_INSERT_TAIL(&worker->attempts, attempt, all);
    return attempt;
}

static void take_slot(struct attempt *attempt, const char *queue)
{
    struct worker *worker = attempt->worker;

    worker->programs++;
    attempt->reserve = queues_reserve(&worker->queues, queue);
    if (attempt->reserve)
        attempt->reserve->running++;
}

void attempt_take(struct worker *worker, const struct run *run)
{
    struct attempt *attempt = attempt_new(worker, run->id, run->attempt);

    attempt->lane = lane_by_name(worker, run->type);
    assert(attempt->lane); /* it was asked for */
    attempt->max_attempts = run->max_attempts;
    attempt->timeout_ms = run->timeout_ms;
    attempt->heartbeat_ms = run->heartbeat_ms;
    attempt->has_dependencies = run->has_dependencies;
    attempt->retry = talloc_strdup(attempt, run->retry);
    attempt->files = talloc_strdup(attempt, run->files);
    attempt->payload = talloc_strdup(attempt, run->payload);
    attempt->secrets = secrets_find(attempt, attempt->lane->type->options,
                                    attempt->payload);
    attempt->connection =
        connection_named(attempt, attempt->lane->type, attempt->payload);
    attempt->lane->held++;
    if (lane_is_program(attempt->lane))
        take_slot(attempt, run->queue);
    prepare(attempt);
}

struct attempt *attempt_by_name(struct worker *worker, const char *id,
                                int number)
{
    struct attempt *attempt;

    TAILQ_FOREACH(attempt, &worker->attempts, all)
        if (attempt->number == number && !strcmp(attempt->id, id))
            return attempt;
    return NULL;
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    attempt_stop(arg, STOP_TIMEOUT);
}

static void wait_for_heartbeat(struct attempt *attempt, int64_t ms)
{
    struct timeval wait = timeval_of_ms(ms);

    event_add(&attempt->heartbeat, &wait);
}

void attempt_silent(struct attempt *attempt, int64_t silent_ms)
{
    if (silent_ms >= attempt->heartbeat_ms)
        attempt_stop(attempt, STOP_HEARTBEAT);
    else
        wait_for_heartbeat(attempt, attempt->heartbeat_ms - silent_ms);
}

/* What it said meanwhile has only been noted: it may talk a lot. A web server
 * has said it to the API. */
static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *attempt = arg;

    (void)fd, (void)what;
    if (attempt->lane->push)
        push_ask_silence(attempt);
    else
        attempt_silent(attempt, clock_mono_ms() - attempt->heard_ms);
}

void attempt_heard(struct attempt *attempt)
{
    if (attempt->heartbeat_ms)
        attempt->heard_ms = clock_mono_ms();
}

static void set_timers(struct attempt *attempt)
{
    struct event_base *base = attempt->worker->base;
    struct timeval limit = timeval_of_ms(attempt->timeout_ms);

    event_assign(&attempt->timeout, base, -1, 0, on_timeout, attempt);
    event_add(&attempt->timeout, &limit);
    if (!attempt->heartbeat_ms)
        return;
    event_assign(&attempt->heartbeat, base, -1, 0, on_heartbeat, attempt);
    wait_for_heartbeat(attempt, attempt->heartbeat_ms);
}

void attempt_drop_timers(struct attempt *attempt)
{
    event_del(&attempt->timeout);
    if (attempt->heartbeat_ms)
        event_del(&attempt->heartbeat);
}

void attempt_started(struct attempt *attempt)
{
    char number[12];

    attempt->stage = ATTEMPT_RUNNING;
    attempt->started_ms = attempt->heard_ms = clock_mono_ms();
    set_timers(attempt);
    snprintf(number, sizeof(number), "%d", attempt->number);
    log_facts(LOG_LEVEL_INFO, "JOB_STARTED", "jobId", attempt->id, "type",
              attempt->lane->type->type, "attempt", number, NULL);
}

void attempt_stop(struct attempt *attempt, enum attempt_stop why)
{
    bool first = !attempt->stop;

    if (first || why == STOP_LOST)
        attempt->stop = why;
    switch (attempt->stage) {
    case ATTEMPT_QUEUED:
        TAILQ_REMOVE(&attempt->lane->queue, attempt, place);
        attempt_give_back(attempt);
        break;
    case ATTEMPT_RUNNING:
        if (first || why == STOP_LOST)
            attempt->lane->handler->stop(
                attempt, why == STOP_LOST ? GUARD_KILL : GUARD_TERM);
        break;
    case ATTEMPT_GATHERING:
        /* Done is done: only what is not ours any more is dropped. */
        if (why != STOP_LOST)
            attempt->stop = STOP_NONE;
        break;
    case ATTEMPT_PREPARING:
    case ATTEMPT_ENDED:
        break;
    }
}

void attempt_return(struct worker *worker, const struct run_name *name)
{
    struct attempt *attempt = attempt_new(worker, name->id, name->attempt);

    attempt->stop = STOP_GIVE_BACK;
    attempt_hand_over(attempt, "available");
}
