#include "recorder.h"

#include "artifact.h"
#include "bell.h"
#include "job_log.h"
#include "log.h"
#include "progress.h"
#include "queries.h"
#include "recorded.h"
#include "secret.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

#define MAX_ENDS      1000
#define MAX_END_BYTES (8 * 1024 * 1024)
#define AGAIN_MS      200  /* after a statement that may have failed */
#define REFUSED_MS    1000 /* after one that nothing helps */

/*
 * A round takes what has ended so far, tells all that was logged and reported
 * up to here, and the ends last: nobody hears of an end before what came ahead
 * of it. A statement that fails ends the round; the next one, a little later,
 * takes the same and more.
 */
struct recorder {
    struct worker *worker;
    struct attempt_list ended; /* in this order */
    bool lost;                 /* some of them may not be ours any more */
    struct job_log *log;
    struct progress *progress;

    enum { NOTHING, LINES, PROGRESS, ENDS } sent;
    struct attempt **round; /* the ends of this round; NULL between rounds */
    int count;
    int singly;          /* so many ends go alone: one of them is bad */
    struct event *again; /* pending: nothing is sent until then */
};

static void pause_for(struct recorder *recorder, int64_t ms)
{
    struct timeval wait = timeval_of_ms(ms);

    event_add(recorder->again, &wait);
}

static bool is_paused(const struct recorder *recorder)
{
    return event_pending(recorder->again, EV_TIMEOUT, NULL);
}

static void forget(struct recorder *recorder, struct attempt *attempt)
{
    recorder->worker->unrecorded--;
    recorder->worker->unrecorded_bytes -= attempt_weight(attempt);
    attempt_free(attempt);
}

static void end_round(struct recorder *recorder)
{
    TALLOC_FREE(recorder->round);
    recorder->count = 0;
    worker_turn_soon(recorder->worker);
}

/* What could not be recorded stays the next in line. */
static void put_back(struct recorder *recorder)
{
    for (int i = recorder->count; i > 0; i--)
        TAILQ_INSERT_HEAD(&recorder->ended, recorder->round[i - 1], place);
    end_round(recorder);
}

/* ------------------------------------------------------------ ends */

/* What became of one of the round; the database answers in nearly the same
 * order, so that the search begins behind the last match. */
static const char *state_of(const struct db_result *rows, const char *id,
                            int *at)
{
    int count = db_count(rows);

    for (int i = 0; i < count; i++) {
        int row = (*at + i) % count;

        if (!strcmp(db_text(rows, row, "id"), id)) {
            *at = row + 1;
            return db_text(rows, row, "state");
        }
    }
    return NULL;
}

/* Whether the ends make way for jobs that a limit or a dependency held up. */
static bool frees_others(const struct db_result *rows)
{
    for (int i = 0; i < db_count(rows); i++)
        if (!strcmp(db_text(rows, i, "freed"), "t"))
            return true;
    return false;
}

static void take_answer(struct recorder *recorder, const struct db_result *rows)
{
    const char *run_dir = recorder->worker->conf->run_dir;
    int at = 0;

    for (int i = 0; i < recorder->count; i++) {
        struct attempt *attempt = recorder->round[i];

        recorded(attempt, state_of(rows, attempt->id, &at));
        forget(recorder, attempt);
    }
    bell_ring(run_dir, "events");
    if (frees_others(rows))
        bell_ring(run_dir, "jobs");
    end_round(recorder);
}

static void replace_end(struct recorder *recorder, struct attempt *attempt,
                        const char *why)
{
    struct worker *worker = recorder->worker;

    log_warn("job %s: the database refuses its end: %s", attempt->id, why);
    worker->unrecorded_bytes -= attempt_weight(attempt);
    attempt_replace(attempt, why);
    worker->unrecorded_bytes += attempt_weight(attempt);
}

/* One of the ends is bad: find it, and put a failure in its place. */
static void on_refused(struct recorder *recorder, const struct error *err)
{
    if (recorder->count > 1) {
        recorder->singly = recorder->count;
    } else if (!recorder->round[0]->replaced) {
        recorder->singly++;
        replace_end(recorder, recorder->round[0], err->text);
    } else {
        log_err("cannot record how jobs ended: %s", err->text);
        pause_for(recorder, REFUSED_MS);
    }
}

static void on_ends_told(struct db_result *rows, const struct error *err,
                         void *arg)
{
    struct recorder *recorder = arg;

    recorder->sent = NOTHING;
    if (rows) {
        take_answer(recorder, rows);
        return;
    }
    if (err->kind == ERROR_UNAVAILABLE) {
        for (int i = 0; i < recorder->count; i++)
            recorder->round[i]->sent = true;
        pause_for(recorder, AGAIN_MS);
    } else {
        on_refused(recorder, err);
    }
    put_back(recorder);
}

static bool send_ends(struct recorder *recorder)
{
    struct worker *worker = recorder->worker;
    const struct run_end *ends[MAX_ENDS];
    bool again = false;
    void *mem;

    if (recorder->count == 0)
        return false;
    for (int i = 0; i < recorder->count; i++) {
        ends[i] = &recorder->round[i]->end;
        again = again || recorder->round[i]->sent;
    }
    mem = talloc_new(NULL);
    dba_query(worker->telling, again ? SQL_RUN_FINISH_AGAIN : SQL_RUN_FINISH,
              run_finish_args(mem, worker->id, ends, recorder->count),
              on_ends_told, recorder);
    talloc_free(mem);
    return true;
}

/* ------------------------------------------------------------ rounds */

/* A statement of lines or of progress is answered. What the server does not
 * take is dropped: the jobs go on without. */
static void on_told(struct db_result *rows, const struct error *err, void *arg)
{
    struct recorder *recorder = arg;
    bool lines = recorder->sent == LINES;

    recorder->sent = NOTHING;
    if (!rows && err->kind == ERROR_UNAVAILABLE) {
        if (!lines)
            progress_untold(recorder->progress);
        pause_for(recorder, AGAIN_MS);
        put_back(recorder);
        return;
    }
    if (rows)
        bell_ring(recorder->worker->conf->run_dir, "events");
    else
        log_err("cannot store what jobs have said: %s", err->text);
    if (lines)
        job_log_told(recorder->log);
    else
        progress_told(recorder->progress);
    worker_turn_soon(recorder->worker);
}

static void begin_round(struct recorder *recorder)
{
    int most = recorder->singly > 0 ? 1 : MAX_ENDS;
    size_t bytes = 0;
    struct attempt *attempt;

    recorder->round = talloc_array(recorder, struct attempt *, MAX_ENDS);
    while (recorder->count < most && bytes < MAX_END_BYTES &&
           (attempt = TAILQ_FIRST(&recorder->ended))) {
        TAILQ_REMOVE(&recorder->ended, attempt, place);
        recorder->round[recorder->count++] = attempt;
        bytes += attempt_weight(attempt);
    }
    if (recorder->singly > 0)
        recorder->singly--;
    job_log_begin_round(recorder->log);
}

static void send_next(struct recorder *recorder)
{
    if (job_log_send(recorder->log, on_told, recorder))
        recorder->sent = LINES;
    else if (progress_send(recorder->progress, on_told, recorder))
        recorder->sent = PROGRESS;
    else if (send_ends(recorder))
        recorder->sent = ENDS;
    else
        end_round(recorder);
}

/* Between rounds. Nothing is told of what is not ours any more. */
static void drop_lost(struct recorder *recorder)
{
    struct attempt *attempt, *next;

    recorder->lost = false;
    job_log_drop_lost(recorder->log);
    progress_drop_lost(recorder->progress);
    TAILQ_FOREACH_SAFE(attempt, &recorder->ended, place, next) {
        if (attempt->stop != STOP_LOST)
            continue;
        TAILQ_REMOVE(&recorder->ended, attempt, place);
        if (attempt->end.artifacts)
            artifacts_remove(attempt);
        forget(recorder, attempt);
    }
}

void recorder_turn(struct recorder *recorder)
{
    if (recorder->sent != NOTHING || is_paused(recorder))
        return;
    if (!recorder->round) {
        if (recorder->lost)
            drop_lost(recorder);
        if (TAILQ_EMPTY(&recorder->ended) && job_log_empty(recorder->log) &&
            !progress_due(recorder->progress))
            return;
        begin_round(recorder);
    }
    send_next(recorder);
}

/* ------------------------------------------------------------ from outside */

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct recorder *recorder = arg;

    (void)fd, (void)what;
    worker_turn_soon(recorder->worker);
}

static int recorder_done(struct recorder *recorder)
{
    event_free(recorder->again);
    return 0;
}

struct recorder *recorder_new(void *mem, struct worker *worker)
{
    struct recorder *recorder = talloc_zero(mem, struct recorder);

    recorder->worker = worker;
    TAILQ_INIT(&recorder->ended);
    recorder->log = job_log_new(recorder, worker);
    recorder->progress = progress_new(recorder, worker);
    recorder->again = event_new(worker->base, -1, 0, on_again, recorder);
    talloc_set_destructor(recorder, recorder_done);
    return recorder;
}

void recorder_end(struct recorder *recorder, struct attempt *attempt)
{
    TAILQ_INSERT_TAIL(&recorder->ended, attempt, place);
    recorder->lost = recorder->lost || attempt->stop == STOP_LOST;
}

void recorder_lost(struct recorder *recorder)
{
    recorder->lost = true;
}

void recorder_progress(struct recorder *recorder, struct attempt *attempt,
                       int percent, const char *message, size_t len)
{
    char *hidden = secrets_hide(NULL, attempt->secrets, message, len);

    progress_note(recorder->progress, attempt, percent,
                  hidden ? hidden : message, hidden ? strlen(hidden) : len);
    talloc_free(hidden);
}

void recorder_log(struct recorder *recorder, struct attempt *attempt,
                  const char *line, size_t len)
{
    char *hidden = secrets_hide(NULL, attempt->secrets, line, len);

    job_log_add(recorder->log, attempt, hidden ? hidden : line,
                hidden ? strlen(hidden) : len);
    talloc_free(hidden);
}

bool recorder_idle(const struct recorder *recorder)
{
    return recorder->sent == NOTHING && !recorder->round &&
           TAILQ_EMPTY(&recorder->ended) && job_log_empty(recorder->log);
}
