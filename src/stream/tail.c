#include "tail.h"

#include "batch.h"
#include "bell.h"
#include "clock.h"
#include "log.h"
#include "queries.h"
#include "wheel.h"

#include <string.h>
#include <talloc.h>

#define LOOK_MOST   5000 /* events read at once */
#define SWEEP_MS    1000 /* between looks that nobody rang for */
#define COALESCE_MS 10   /* between looks that someone rang for */

/*
 * One look at a time; a look takes several statements where there is much to
 * read. If one of them fails, the next look takes up from `at`, so none is
 * missed. at.before is NULL while idle.
 */
struct tail {
    struct stream *stream;
    struct dba *dba;
    struct position at;
    struct batch *batch; /* waits for its outcomes */
    bool looking;
    bool again; /* someone rang meanwhile */
    int64_t looked_ms;
    struct event *ring;  /* a bell */
    struct event *soon;  /* the next look, when it is time */
    struct event *sweep; /* the look that needs no bell */
};

static void look_in(struct tail *tail, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (!event_pending(tail->soon, EV_TIMEOUT, NULL))
        event_add(tail->soon, &tv);
}

/* Nobody listens: forget where we are and let the bells ring. */
static void fall_idle(struct tail *tail)
{
    talloc_free(tail->at.before);
    talloc_free(tail->at.within);
    tail->at = (struct position){0};
    event_del(tail->ring);
    event_del(tail->soon);
    event_del(tail->sweep);
}

static void begin_at(struct tail *tail, const struct snapshot *now)
{
    static const struct timeval sweep = {.tv_sec = SWEEP_MS / 1000};

    tail->at.before = snapshot_copy(tail, now);
    event_add(tail->ring, NULL);
    event_add(tail->sweep, &sweep);
}

/* The next look takes up from where this one was. */
static void give_up(struct tail *tail, const struct error *err)
{
    TALLOC_FREE(tail->batch);
    tail->looking = tail->again = false;
    if (err->kind != ERROR_UNAVAILABLE)
        log_err("cannot read the event log, trying again in %d ms: %s",
                SWEEP_MS, err->text);
}

/* After a restore, or a failover that lost something, nothing that was sent
 * counts any more. Clients come back with their ids, which a replay judges: not
 * before replays have their database again, since a browser takes a refusal as
 * final. */
static bool begin_anew(struct tail *tail, struct error *err)
{
    if (!dba_connected(tail->stream->replays)) {
        TALLOC_FREE(tail->at.within);
        return error_set(err, ERROR_UNAVAILABLE, "database_unavailable",
                         "replays have no database yet");
    }
    log_warn("the database was set back from %s to %s: ending all streams",
             tail->at.before->text, tail->at.within->text);
    wheel_end_all(tail->stream->wheel);
    return true;
}

/* The extent of a look is what its first statement could see. */
static bool take_extent(struct tail *tail, const struct db_result *rows,
                        struct error *err)
{
    const char *now = db_text(rows, 0, "now");
    struct position *at = &tail->at;

    if (at->within)
        return true;
    if (!snapshot_parse(tail, now, now + strlen(now), &at->within, err))
        return false;
    return !snapshot_newer(at->before, at->within) || begin_anew(tail, err);
}

/* Hand the batch out; then the rest of the look, or the next one. */
static void publish(struct tail *tail)
{
    struct batch *batch = tail->batch;
    bool more = batch->rows == LOOK_MOST;

    for (int i = 0; i < batch->count; i++)
        hub_publish(tail->stream->hub, &batch->events[i], tail->at.before,
                    tail->at.within);
    tail->at.after = batch->last_seq;
    if (!more)
        position_settle(&tail->at);
    if (more || tail->again)
        look_in(tail, 0);
    tail->looking = tail->again = false;
    TALLOC_FREE(tail->batch);
}

static void on_outcomes(struct db_result *rows, const struct error *err,
                        void *arg)
{
    struct tail *tail = arg;

    if (!rows) {
        give_up(tail, err);
        return;
    }
    batch_take_outcomes(tail->batch, rows);
    publish(tail);
}

static void on_events(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct tail *tail = arg;
    struct error bad;

    if (!rows || !take_extent(tail, rows, &bad)) {
        give_up(tail, rows ? &bad : err);
        return;
    }
    tail->batch = batch_read(tail, rows, tail->stream->hub);
    if (tail->batch->final_count > 0)
        batch_ask(tail->batch, tail->dba, on_outcomes, tail);
    else
        publish(tail);
}

static void look(struct tail *tail)
{
    const struct position *at = &tail->at;
    void *mem;

    if (tail->looking) {
        tail->again = true;
        return;
    }
    if (hub_empty(tail->stream->hub)) {
        fall_idle(tail);
        return;
    }
    mem = talloc_new(tail);
    tail->looking = true;
    tail->looked_ms = clock_mono_ms();
    dba_query(tail->dba, SQL_EVENT_LOOK,
              DB_ARGS(at->before->text, at->within ? at->within->text : NULL,
                      db_int(mem, at->after), NULL, db_int(mem, LOOK_MOST)),
              on_events, tail);
    talloc_free(mem);
}

/* A ring is only a hint; the log is the truth. */
static void on_ring(evutil_socket_t fd, short what, void *arg)
{
    struct tail *tail = arg;
    int64_t since_ms = clock_mono_ms() - tail->looked_ms;

    (void)what;
    bell_drain(fd);
    if (since_ms >= COALESCE_MS)
        look(tail);
    else
        look_in(tail, COALESCE_MS - since_ms);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    look(arg);
}

static void on_change(bool up, const char *why, void *arg)
{
    struct tail *tail = arg;

    if (up)
        log_info("connected to the database");
    else
        log_warn("lost the database, trying again: %s", why);
    if (up && tail->at.before)
        look(tail);
}

static int tail_close(struct tail *tail)
{
    event_free(tail->ring);
    event_free(tail->soon);
    event_free(tail->sweep);
    return 0;
}

bool tail_open(void *mem, struct stream *stream, struct tail **ret,
               struct error *err)
{
    struct tail *tail = talloc_zero(mem, struct tail);
    struct event_base *base = stream->base;
    int bell;

    if (!bell_listen(tail, stream->conf->run_dir, "events", &bell, err)) {
        talloc_free(tail);
        return false;
    }
    tail->stream = stream;
    tail->dba = dba_open(tail, base, stream->conf->database_url);
    dba_on_change(tail->dba, on_change, tail);
    tail->ring = event_new(base, bell, EV_READ | EV_PERSIST, on_ring, tail);
    tail->soon = event_new(base, -1, 0, on_time, tail);
    tail->sweep = event_new(base, -1, EV_PERSIST, on_time, tail);
    talloc_set_destructor(tail, tail_close);
    *ret = tail;
    return true;
}

bool tail_joins(struct tail *tail, const struct snapshot *now)
{
    const struct position *at = &tail->at;

    if (!at->before)
        begin_at(tail, now);
    return !snapshot_newer(at->within ? at->within : at->before, now);
}

const struct snapshot *tail_seen(const struct tail *tail)
{
    return tail->at.within ? NULL : tail->at.before;
}

bool tail_connected(const struct tail *tail)
{
    return dba_connected(tail->dba);
}
