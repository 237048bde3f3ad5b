#include "progress.h"

#include "clock.h"
#include "queries.h"
#include "text.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

#define PACE_MS     100
#define MAX_MESSAGE 1000

/* What is under way; the attempt may report anew meanwhile. */
struct telling {
    struct attempt *attempt;
    int percent;
    char *message;
};

struct progress {
    struct worker *worker;
    struct attempt_list untold;
    struct telling *telling;
    int count;
    struct event *pace; /* wakes us for what was too early */
};

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
    struct progress *progress = arg;

    (void)fd, (void)what;
    worker_turn_soon(progress->worker);
}

static int progress_done(struct progress *progress)
{
    event_free(progress->pace);
    return 0;
}

struct progress *progress_new(void *mem, struct worker *worker)
{
    struct progress *progress = talloc_zero(mem, struct progress);

    progress->worker = worker;
    TAILQ_INIT(&progress->untold);
    progress->pace = event_new(worker->base, -1, 0, on_pace, progress);
    talloc_set_destructor(progress, progress_done);
    return progress;
}

static void add(struct progress *progress, struct attempt *attempt)
{
    if (attempt->untold)
        return;
    attempt->untold = true;
    TAILQ_INSERT_TAIL(&progress->untold, attempt, telling);
}

static void del(struct progress *progress, struct attempt *attempt)
{
    attempt->untold = false;
    TAILQ_REMOVE(&progress->untold, attempt, telling);
}

void progress_note(struct progress *progress, struct attempt *attempt,
                   int percent, const char *message, size_t len)
{
    if (attempt->stop == STOP_LOST || (percent < 0 && !message))
        return;
    if (percent >= 0)
        attempt->percent = percent > 100 ? 100 : percent;
    if (message) {
        talloc_free(attempt->message);
        attempt->message = text_clean(attempt, message, len);
        attempt->message[text_cut(attempt->message, strlen(attempt->message),
                                  MAX_MESSAGE)] = '\0';
    }
    add(progress, attempt);
    worker_turn_soon(progress->worker);
}

/* What is left to wait; an attempt that has ended does not wait. */
static int64_t wait_ms(const struct attempt *attempt, int64_t now_ms)
{
    int64_t next_ms = attempt->told_ms + PACE_MS;

    return attempt->stage == ATTEMPT_ENDED || next_ms <= now_ms
               ? 0
               : next_ms - now_ms;
}

bool progress_due(const struct progress *progress)
{
    int64_t now_ms = clock_mono_ms(), least = INT64_MAX;
    struct attempt *attempt;
    struct timeval wait;

    TAILQ_FOREACH(attempt, &progress->untold, telling) {
        int64_t ms = wait_ms(attempt, now_ms);

        least = ms < least ? ms : least;
    }
    if (least > 0 && least < INT64_MAX) {
        wait = timeval_of_ms(least);
        event_add(progress->pace, &wait);
    }
    return least == 0;
}

static void take(struct progress *progress, struct attempt *attempt,
                 int64_t now_ms)
{
    int at = progress->count++;

    progress->telling = talloc_realloc(
        progress, progress->telling, struct telling, (unsigned)progress->count);
    progress->telling[at] =
        (struct telling){attempt, attempt->percent,
                         talloc_steal(progress->telling, attempt->message)};
    attempt->percent = -1;
    attempt->message = NULL;
    attempt->told_ms = now_ms;
    del(progress, attempt);
}

bool progress_send(struct progress *progress, dba_fn *done, void *arg)
{
    int64_t now_ms = clock_mono_ms();
    struct attempt *attempt, *next;
    struct run_progress *reports;

    TAILQ_FOREACH_SAFE(attempt, &progress->untold, telling, next)
        if (wait_ms(attempt, now_ms) == 0)
            take(progress, attempt, now_ms);
    if (progress->count == 0)
        return false;

    reports =
        talloc_array(NULL, struct run_progress, (unsigned)progress->count);
    for (int i = 0; i < progress->count; i++) {
        const struct telling *t = &progress->telling[i];

        reports[i] = (struct run_progress){t->attempt->id, t->attempt->number,
                                           t->percent, t->message};
    }
    dba_query(progress->worker->telling, SQL_RUN_REPORT,
              run_report_args(reports, progress->worker->id, reports,
                              progress->count),
              done, arg);
    talloc_free(reports);
    return true;
}

void progress_told(struct progress *progress)
{
    TALLOC_FREE(progress->telling);
    progress->count = 0;
}

/* What has come since is newer. */
void progress_untold(struct progress *progress)
{
    for (int i = 0; i < progress->count; i++) {
        struct telling *t = &progress->telling[i];

        if (t->attempt->percent < 0)
            t->attempt->percent = t->percent;
        if (!t->attempt->message)
            t->attempt->message = talloc_steal(t->attempt, t->message);
        add(progress, t->attempt);
    }
    progress_told(progress);
}

void progress_drop_lost(struct progress *progress)
{
    struct attempt *attempt, *next;

    TAILQ_FOREACH_SAFE(attempt, &progress->untold, telling, next)
        if (attempt->stop == STOP_LOST)
            del(progress, attempt);
}
