#include "claim.h"

#include "ask.h"
#include "bell.h"
#include "clock.h"
#include "log.h"
#include "purge.h"
#include "queries.h"

#include <string.h>
#include <talloc.h>

#define BEAT_MS       1000
#define RING_BEAT_MS  50 /* least time between beats, whatever happens */
#define OVERDUE_MS    20 /* what is due is being promoted by someone else */
#define STEADY_MS     12000 /* longer than SILENCE_MS, see millrace.beat */
#define GAP_MS        3000  /* between beats: no longer steady */
#define SILENCE_MS    10000 /* after that a worker is taken for dead */
#define SOON_MS       5     /* a little more room is waited for */
#define AGAIN_MS      200   /* after a statement that may have failed */
#define PROMOTED_MOST 1000  /* by one beat */

struct claimer {
    struct worker *worker;
    bool busy;          /* a statement is under way */
    bool rung;          /* there may be something new */
    bool lost_answer;   /* jobs may have been claimed that we know not of */
    struct ask *ask;    /* of the statement that is under way */
    int64_t beat_at_ms; /* the next beat, and the last two */
    int64_t beat_sent_ms, beat_heard_ms;
    int64_t steady_since_ms; /* no gap since then; 0: none heard yet */
    int64_t answered_ms;     /* the last claim */
    struct event *beat, *soon, *again, *bell;
};

/* ------------------------------------------------------------ when to ask */

static void set_timer(struct event *timer, int64_t ms)
{
    struct timeval wait = timeval_of_ms(ms > 0 ? ms : 0);

    event_add(timer, &wait);
}

/* Beat at that time, if not before. */
static void beat_by(struct claimer *claimer, int64_t at_ms)
{
    if (claimer->beat_at_ms <= at_ms)
        return;
    claimer->beat_at_ms = at_ms;
    set_timer(claimer->beat, at_ms - clock_mono_ms());
}

static bool beat_is_due(const struct claimer *claimer)
{
    return clock_mono_ms() >= claimer->beat_at_ms;
}

static bool is_steady(const struct claimer *claimer)
{
    return claimer->steady_since_ms &&
           clock_mono_ms() - claimer->steady_since_ms >= STEADY_MS;
}

/*
 * Whether a lane's room is worth a claim: a slot of a program always; warm
 * processes, which may end thousands of jobs a second, wait a moment until half
 * of their room is free.
 */
static bool worth(const struct claimer *claimer, const struct lane *lane)
{
    int room = lane_room(lane);

    return room > 0 &&
           (lane_is_program(lane) || room * 2 >= lane_capacity(lane) ||
            clock_mono_ms() - claimer->answered_ms >= SOON_MS);
}

static bool may_claim(struct claimer *claimer)
{
    bool later = false;
    struct lane *lane;

    if (ask_total(claimer->worker) == 0)
        return false;
    if (claimer->rung)
        return true;
    TAILQ_FOREACH(lane, &claimer->worker->lanes, next) {
        if (!lane->full || lane_room(lane) == 0)
            continue;
        if (worth(claimer, lane))
            return true;
        later = true;
    }
    if (later && !event_pending(claimer->soon, EV_TIMEOUT, NULL))
        set_timer(claimer->soon, SOON_MS);
    return false;
}

/* ------------------------------------------------------------ answers */

static void ask_again_later(struct claimer *claimer, const struct error *err)
{
    if (err->kind != ERROR_UNAVAILABLE)
        log_err("cannot claim jobs: %s", err->text);
    else
        claimer->steady_since_ms =
            0; /* so that HELD is asked once more later */
    claimer->lost_answer = claimer->rung = true;
    set_timer(claimer->again,
              err->kind == ERROR_UNAVAILABLE ? AGAIN_MS : BEAT_MS);
}

static void take_runs(struct claimer *claimer, const struct db_result *rows)
{
    struct worker *worker = claimer->worker;
    struct error err;
    struct run run;
    int taken = 0;

    for (int i = 0; i < db_count(rows); i++) {
        if (!run_row(rows, i, &run, &err)) {
            log_err("a claimed job cannot be read: %s", err.text);
            claimer->lost_answer = true;
        } else if (run.id) {
            ask_got(claimer->ask, worker, &run);
            attempt_take(worker, &run);
            taken++;
        }
    }
    ask_done(claimer->ask, worker);
    claimer->answered_ms = clock_mono_ms();
    /* It may have been a rate: the beat says when it lets more pass. */
    if (ask_fell_short(claimer->ask))
        beat_by(claimer, claimer->answered_ms + RING_BEAT_MS);
    if (taken > 0)
        bell_ring(worker->conf->run_dir, "events");
}

/* Every answer begins with this. */
static bool answered(struct claimer *claimer, const struct db_result *rows,
                     const struct error *err)
{
    claimer->busy = false;
    worker_turn_soon(claimer->worker);
    if (!rows)
        ask_again_later(claimer, err);
    return rows != NULL;
}

static void on_claimed(struct db_result *rows, const struct error *err,
                       void *arg)
{
    struct claimer *claimer = arg;

    if (answered(claimer, rows, err))
        take_runs(claimer, rows);
}

/* The ids of runs that are to be cancelled, with commas. */
static void stop_runs(struct worker *worker, const char *ids)
{
    struct attempt *attempt, *next;

    TAILQ_FOREACH_SAFE(attempt, &worker->attempts, all, next)
        if (attempt->stage != ATTEMPT_ENDED && strstr(ids, attempt->id))
            attempt_stop(attempt, STOP_CANCEL);
}

static void note_pulse(struct claimer *claimer)
{
    int64_t now_ms = clock_mono_ms();
    bool was_steady = is_steady(claimer);

    if (!claimer->steady_since_ms || now_ms - claimer->beat_heard_ms > GAP_MS)
        claimer->steady_since_ms = now_ms;
    claimer->beat_heard_ms = now_ms;
    /* A claim whose answer was lost may come through late: look again. */
    if (is_steady(claimer) && !was_steady)
        claimer->lost_answer = true;
}

static void heed(struct claimer *claimer, const struct run_beat *beat)
{
    if (beat->rescued > 0)
        log_warn("freed %d jobs of workers that are gone", beat->rescued);
    if (beat->stop)
        stop_runs(claimer->worker, beat->stop);
    if (beat->promoted >= PROMOTED_MOST)
        beat_by(claimer, clock_mono_ms());
    else if (beat->due_ms >= 0)
        beat_by(claimer, clock_mono_ms() + (beat->due_ms > 0 ? beat->due_ms + 1
                                                             : OVERDUE_MS));
}

static void on_beaten(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct claimer *claimer = arg;
    struct run_beat beat;
    struct error bad;

    if (!answered(claimer, rows, err))
        return;
    if (!run_beat_row(rows, &beat, &bad)) {
        ask_again_later(claimer, &bad);
        return;
    }
    if (!beat.alive) {
        claimer->steady_since_ms = 0;
        worker_lost(claimer->worker);
        return;
    }
    note_pulse(claimer);
    take_runs(claimer, rows);
    heed(claimer, &beat);
    purge_turn(claimer->worker->purge);
}

/* What the database holds for us and we know nothing of goes back. */
static void on_held(struct db_result *rows, const struct error *err, void *arg)
{
    struct claimer *claimer = arg;
    struct worker *worker = claimer->worker;
    struct run_name name;
    struct error bad;

    if (!answered(claimer, rows, err))
        return;
    for (int i = 0; i < db_count(rows); i++)
        if (run_name_row(rows, i, &name, &bad) &&
            !attempt_by_name(worker, name.id, name.attempt))
            attempt_return(worker, &name);
}

/* ------------------------------------------------------------ asking */

static void send_held(struct claimer *claimer)
{
    claimer->lost_answer = false;
    dba_query(claimer->worker->asking, SQL_RUN_HELD,
              DB_ARGS(claimer->worker->id), on_held, claimer);
}

static void send_beat(struct claimer *claimer)
{
    struct worker *worker = claimer->worker;
    int64_t now_ms = clock_mono_ms();
    struct run_ask run_ask;

    claimer->beat_at_ms = INT64_MAX;
    claimer->beat_sent_ms = now_ms;
    beat_by(claimer, now_ms + BEAT_MS);
    claimer->ask = ask_new(claimer, worker, &run_ask);
    dba_query(worker->asking, SQL_RUN_BEAT,
              run_beat_args(claimer->ask, &run_ask, SILENCE_MS,
                            worker->conf->idempotency_ttl),
              on_beaten, claimer);
}

static void send_claim(struct claimer *claimer)
{
    struct run_ask run_ask;

    claimer->ask = ask_new(claimer, claimer->worker, &run_ask);
    dba_query(claimer->worker->asking, SQL_RUN_CLAIM,
              run_claim_args(claimer->ask, &run_ask), on_claimed, claimer);
}

void claimer_turn(struct claimer *claimer)
{
    if (claimer->busy || claimer->worker->phase == WORKER_BEGINNING ||
        event_pending(claimer->again, EV_TIMEOUT, NULL))
        return;
    TALLOC_FREE(claimer->ask);
    claimer->busy = true;
    if (claimer->lost_answer) {
        send_held(claimer);
    } else if (beat_is_due(claimer)) {
        claimer->rung = false;
        send_beat(claimer);
    } else if (may_claim(claimer)) {
        claimer->rung = false;
        send_claim(claimer);
    } else {
        claimer->busy = false;
    }
}

/* ------------------------------------------------------------ from outside */

/* The claim goes at once; a little later a beat, since the ring may have been
 * for a cancel, or for a job that is due before the next one. */
static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    struct claimer *claimer = arg;
    int64_t next_ms = claimer->beat_sent_ms + RING_BEAT_MS;
    int64_t soon_ms = clock_mono_ms() + SOON_MS;

    (void)what;
    bell_drain(fd);
    claimer->rung = true;
    if (claimer->worker->phase != WORKER_BEGINNING)
        beat_by(claimer, next_ms > soon_ms ? next_ms : soon_ms);
    worker_turn_soon(claimer->worker);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct claimer *claimer = arg;

    (void)fd, (void)what;
    worker_turn_soon(claimer->worker);
}

/* The loop counts from when it woke, so by our clock this may be a little
 * early; but nothing else would ask for the beat. */
static void on_beat_time(evutil_socket_t fd, short what, void *arg)
{
    struct claimer *claimer = arg;

    claimer->beat_at_ms = 0;
    on_time(fd, what, arg);
}

static int claimer_done(struct claimer *claimer)
{
    event_free(claimer->beat);
    event_free(claimer->soon);
    event_free(claimer->again);
    if (claimer->bell)
        event_free(claimer->bell);
    return 0;
}

struct claimer *claimer_new(void *mem, struct worker *worker)
{
    struct claimer *claimer = talloc_zero(mem, struct claimer);

    claimer->worker = worker;
    claimer->beat_at_ms = INT64_MAX;
    claimer->beat = event_new(worker->base, -1, 0, on_beat_time, claimer);
    claimer->soon = event_new(worker->base, -1, 0, on_time, claimer);
    claimer->again = event_new(worker->base, -1, 0, on_time, claimer);
    talloc_set_destructor(claimer, claimer_done);
    return claimer;
}

/* Its socket shows that this worker is at work. Without it, jobs are found when
 * the next beat looks. */
static void listen_to_bell(struct claimer *claimer)
{
    struct worker *worker = claimer->worker;
    struct error err;
    int bell;

    if (!bell_listen(claimer, worker->conf->run_dir, "jobs", &bell, &err)) {
        log_err("jobs may start a second late: %s", err.text);
        return;
    }
    claimer->bell =
        event_new(worker->base, bell, EV_READ | EV_PERSIST, on_bell, claimer);
    event_add(claimer->bell, NULL);
}

bool claimer_idle(const struct claimer *claimer)
{
    return !claimer->busy;
}

void claimer_begin(struct claimer *claimer)
{
    if (!claimer->bell)
        listen_to_bell(claimer);
    claimer->rung = true;
    beat_by(claimer, clock_mono_ms());
    worker_turn_soon(claimer->worker);
}

void claimer_due(struct claimer *claimer, int64_t delay_ms)
{
    beat_by(claimer, clock_mono_ms() + delay_ms + 1);
}
