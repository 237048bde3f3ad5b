#include "drain.h"

#include "child.h"
#include "claim.h"
#include "log.h"
#include "notify.h"
#include "pool.h"
#include "queries.h"
#include "recorder.h"

#include <talloc.h>

#define FLUSH_MS 5000 /* for the last ends to be recorded */
#define LEAVE_MS 2000 /* for the farewell */

struct drain {
    struct worker *worker;
    enum { NOT, WAITING, STOPPING, FLUSHING, LEAVING } step;
    struct event *timer; /* the end of the patience with this step */
};

static void set_timer(struct drain *drain, int64_t ms)
{
    struct timeval wait = timeval_of_ms(ms);

    event_add(drain->timer, &wait);
}

static void leave(struct drain *drain)
{
    event_base_loopbreak(drain->worker->base);
}

static void stop_all(struct worker *worker, enum attempt_stage until)
{
    struct attempt *attempt, *next;

    TAILQ_FOREACH_SAFE(attempt, &worker->attempts, all, next)
        if (attempt->stage <= until)
            attempt_stop(attempt, STOP_GIVE_BACK);
}

static void on_end_told(struct db_result *rows, const struct error *err,
                        void *arg)
{
    if (!rows)
        log_warn("could not take leave of the database: %s", err->text);
    leave(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct drain *drain = arg;

    (void)fd, (void)what;
    switch (drain->step) {
    case NOT:
        break;
    case WAITING:
        log_info("the grace is over: stopping what still runs");
        stop_all(drain->worker, ATTEMPT_RUNNING);
        drain->step = STOPPING;
        set_timer(drain, drain->worker->conf->kill_grace + FLUSH_MS);
        break;
    case STOPPING:
        log_warn(
            "some jobs could not be brought to an end; another worker "
            "takes them when this one has been silent for long enough");
        drain->worker->abandoned = true;
        leave(drain);
        break;
    case FLUSHING:
        log_warn("the ends of %d jobs could not be recorded in time",
                 drain->worker->unrecorded);
        leave(drain);
        break;
    case LEAVING:
        leave(drain);
        break;
    }
}

static void close_pools(struct worker *worker)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &worker->lanes, next)
        if (lane->pool)
            pool_close(lane->pool);
}

static bool all_ended(const struct worker *worker)
{
    struct attempt *attempt;
    struct lane *lane;

    TAILQ_FOREACH(attempt, &worker->attempts, all)
        if (attempt->stage != ATTEMPT_ENDED)
            return false;
    TAILQ_FOREACH(lane, &worker->lanes, next)
        if (lane->pool && !pool_empty(lane->pool))
            return false;
    return chores_pending(worker->chores) == 0 &&
           chores_pending(worker->lookups) == 0;
}

static void take_leave(struct drain *drain)
{
    struct worker *worker = drain->worker;

    drain->step = LEAVING;
    set_timer(drain, LEAVE_MS);
    dba_query(worker->asking, SQL_RUN_WORKER_END, DB_ARGS(worker->id),
              on_end_told, drain);
}

void drain_turn(struct drain *drain)
{
    struct worker *worker = drain->worker;

    if ((drain->step == WAITING || drain->step == STOPPING) &&
        all_ended(worker)) {
        drain->step = FLUSHING;
        set_timer(drain, FLUSH_MS);
    }
    /* A claim under way may still bring jobs, which go back first. */
    if (drain->step == FLUSHING && recorder_idle(worker->recorder) &&
        claimer_idle(worker->claimer) && all_ended(worker)) {
        if (worker->phase == WORKER_BEGINNING)
            leave(drain);
        else
            take_leave(drain);
    }
}

void drain_begin(struct worker *worker)
{
    struct drain *drain = worker->drain;

    worker_turn_soon(worker);
    if (drain->step == WAITING)
        set_timer(drain, 0);
    if (drain->step != NOT)
        return;
    notify("STOPPING=1");
    log_info("stopping: no more jobs are taken");
    drain->step = WAITING;
    worker->draining = true;
    stop_all(worker, ATTEMPT_QUEUED);
    close_pools(worker);
    set_timer(drain, worker->conf->grace);
}

static int drain_done(struct drain *drain)
{
    event_free(drain->timer);
    return 0;
}

struct drain *drain_new(void *mem, struct worker *worker)
{
    struct drain *drain = talloc_zero(mem, struct drain);

    drain->worker = worker;
    drain->timer = event_new(worker->base, -1, 0, on_timer, drain);
    talloc_set_destructor(drain, drain_done);
    return drain;
}
