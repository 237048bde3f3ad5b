/*
 * The kind "process": jobs are spread over a few warm processes.
 */
#include "pool.h"

#include "clock.h"
#include "log.h"
#include "worker.h"

#include <inttypes.h>
#include <talloc.h>

#define FIRST_WAIT_MS 200
#define LAST_WAIT_MS  30000

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;

    (void)fd, (void)what;
    pool->not_before_ms = 0;
    pool->lane->full = true; /* nobody has looked meanwhile */
    worker_turn_soon(pool->lane->worker);
}

static int pool_done(struct pool *pool)
{
    event_free(pool->wake);
    return 0;
}

struct pool *pool_new(struct lane *lane)
{
    struct pool *pool = talloc_zero(lane, struct pool);

    pool->lane = lane;
    pool->wake = event_new(lane->worker->base, -1, 0, on_wake, pool);
    TAILQ_INIT(&pool->processes);
    talloc_set_destructor(pool, pool_done);
    return pool;
}

bool pool_ready(const struct pool *pool)
{
    return clock_mono_ms() >= pool->not_before_ms;
}

void pool_close(struct pool *pool)
{
    struct process *process, *next;

    for (process = TAILQ_FIRST(&pool->processes); process; process = next) {
        next = process_next(process);
        process_close(process);
    }
}

bool pool_empty(const struct pool *pool)
{
    return TAILQ_EMPTY(&pool->processes);
}

void pool_answered(struct pool *pool)
{
    pool->deaths = 0;
}

/* What is queued goes back, to a worker that may do better. */
static void give_back_queue(struct lane *lane)
{
    struct attempt *attempt, *next;

    TAILQ_FOREACH_SAFE(attempt, &lane->queue, place, next)
        attempt_stop(attempt, STOP_GIVE_BACK);
}

static void back_off(struct pool *pool)
{
    int64_t wait_ms = FIRST_WAIT_MS;
    struct timeval wait;

    for (int i = 0; i < pool->deaths && wait_ms < LAST_WAIT_MS; i++)
        wait_ms *= 2;
    if (wait_ms > LAST_WAIT_MS)
        wait_ms = LAST_WAIT_MS;
    pool->deaths++;
    pool->not_before_ms = clock_mono_ms() + wait_ms;
    wait = timeval_of_ms(wait_ms);
    event_add(pool->wake, &wait);
    log_warn(
        "a process of the type %s has died before it was of use; the next "
        "one starts in %" PRId64 " ms",
        pool->lane->type->type, wait_ms);
    give_back_queue(pool->lane);
}

void pool_died(struct pool *pool, bool soon)
{
    if (soon)
        back_off(pool);
    worker_turn_soon(pool->lane->worker);
}

static struct process *start_one(struct pool *pool)
{
    struct process *process;
    struct error err;

    if (process_start(pool, &process, &err))
        return process;
    log_err("cannot start a process of the type %s: %s", pool->lane->type->type,
            err.text);
    back_off(pool);
    return NULL;
}

/* The idlest; a new one rather than one that is busy. NULL: all are full. */
static struct process *pick(struct pool *pool)
{
    struct process *best = NULL, *process, *fresh = NULL;
    int least = -1;

    for (process = TAILQ_FIRST(&pool->processes); process && least != 0;
         process = process_next(process)) {
        int load = process_load(process);

        if (load >= 0 && (least < 0 || load < least)) {
            least = load;
            best = process;
        }
    }
    if (least != 0 && pool->open < pool->lane->type->processes &&
        pool_ready(pool))
        fresh = start_one(pool);
    return fresh ? fresh : best;
}

static void flush(struct pool *pool)
{
    for (struct process *process = TAILQ_FIRST(&pool->processes); process;
         process = process_next(process))
        process_flush(process);
}

static void process_dispatch(struct lane *lane)
{
    struct process *process;
    struct attempt *attempt;

    /* To start one may fail, and then the queue is given back. */
    while (!TAILQ_EMPTY(&lane->queue) && (process = pick(lane->pool)) &&
           (attempt = TAILQ_FIRST(&lane->queue))) {
        TAILQ_REMOVE(&lane->queue, attempt, place);
        process_send(process, attempt);
    }
    flush(lane->pool);
}

static void process_handler_stop(struct attempt *attempt,
                                 enum guard_command command)
{
    process_stop(attempt->run, command);
}

const struct handler process_handler = {process_dispatch, process_handler_stop};
