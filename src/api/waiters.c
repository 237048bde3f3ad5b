#include "waiters.h"
#include "bell.h"
#include "clock.h"
#include "job.h"
#include "log.h"
#include "pool.h"
#include "uuid.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MS    250
#define COALESCE_MS 2 /* rings within this time are one question */

/* On the stack of the thread that waits; in the list while it does. */
struct waiter {
    char id[UUID_TEXT];
    bool ended;
    pthread_cond_t changed;
    struct waiter *next, **place;
};

struct waiters {
    pthread_t thread;
    pthread_mutex_t lock;
    struct waiter *first; /* guarded by the lock, as are count and the flags */
    int count, most;
    bool dismissed, stopping;
    int nudge; /* an eventfd: look at the list and the flags */

    const char *url; /* the thread's own, as all below */
    struct db *db;   /* NULL until it could be opened */
    int bell;        /* -1: none could be hung up */
    bool failing;    /* the last question failed, and was logged */
};

static void drain(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0)
        return;
}

static void nudge(struct waiters *waiters)
{
    uint64_t one = 1;

    if (write(waiters->nudge, &one, sizeof(one)) < 0)
        return; /* it is full of nudges already */
}

/* The ids that are waited for as an array's text, NULL if there are none. */
static const char *wanted(struct waiters *waiters, void *mem)
{
    struct db_array *ids = db_array_new(mem);
    int count;

    pthread_mutex_lock(&waiters->lock);
    count = waiters->count;
    for (struct waiter *w = waiters->first; w; w = w->next)
        db_array_add(ids, w->id);
    pthread_mutex_unlock(&waiters->lock);
    return count > 0 ? db_array_text(ids) : NULL;
}

static void wake(struct waiters *waiters, const char *id)
{
    for (struct waiter *w = waiters->first; w; w = w->next) {
        if (strcasecmp(w->id, id) != 0)
            continue;
        w->ended = true;
        pthread_cond_signal(&w->changed);
    }
}

static bool question(struct waiters *waiters, void *mem, const char *ids,
                     struct db_result **ret, struct error *err)
{
    if (!waiters->db && !pool_open(waiters, waiters->url, &waiters->db, err))
        return false;
    return job_ended(waiters->db, mem, ids, ret, err);
}

/* Ask which of the jobs have ended. A failure is only a later answer. */
static void ask(struct waiters *waiters)
{
    void *mem = talloc_new(NULL);
    const char *ids = wanted(waiters, mem);
    struct db_result *rows;
    struct error err;
    bool ok = !ids || question(waiters, mem, ids, &rows, &err);

    if (!ok && !waiters->failing)
        log_warn("cannot see which jobs have ended (%s), trying again",
                 err.text);
    waiters->failing = !ok;
    if (ok && ids) {
        pthread_mutex_lock(&waiters->lock);
        for (int i = 0; i < db_count(rows); i++)
            wake(waiters, db_text(rows, i, "id"));
        pthread_mutex_unlock(&waiters->lock);
    }
    talloc_free(mem);
}

/* Wait for a reason to ask; false: it is time to stop. The bell is left alone
 * while nobody waits. */
static bool listen_for_reason(struct waiters *waiters)
{
    struct pollfd fds[] = {
        {.fd = waiters->nudge, .events = POLLIN},
        {.fd = waiters->bell,  .events = POLLIN}
    };
    bool idle, stopping;

    pthread_mutex_lock(&waiters->lock);
    idle = waiters->count == 0;
    stopping = waiters->stopping;
    pthread_mutex_unlock(&waiters->lock);
    if (stopping)
        return false;

    poll(fds, idle || waiters->bell < 0 ? 1 : 2, idle ? -1 : SWEEP_MS);
    drain(waiters->nudge);
    if (waiters->bell >= 0)
        bell_drain(waiters->bell);
    return true;
}

static void *run(void *arg)
{
    const struct timespec pause = {.tv_nsec = COALESCE_MS * 1000000L};
    struct waiters *waiters = arg;

    while (listen_for_reason(waiters)) {
        ask(waiters);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

bool waiters_start(void *mem, const char *url, const char *run_dir, int most,
                   struct waiters **ret, struct error *err)
{
    struct waiters *waiters = talloc_zero(mem, struct waiters);
    int failed;

    waiters->url = talloc_strdup(waiters, url);
    waiters->most = most;
    pthread_mutex_init(&waiters->lock, NULL);
    if (!bell_listen(waiters, run_dir, "events", &waiters->bell, err)) {
        log_warn("%s; requests that wait hear of a job's end up to %d ms late",
                 err->text, SWEEP_MS);
        waiters->bell = -1;
    }
    waiters->nudge = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    failed = waiters->nudge < 0
                 ? errno
                 : pthread_create(&waiters->thread, NULL, run, waiters);
    if (failed)
        return error_set(err, ERROR_UNAVAILABLE, "no_thread",
                         "cannot start a thread: %s", strerror(failed));
    *ret = waiters;
    return true;
}

/* false: there is no room. With the lock. */
static bool enter(struct waiters *waiters, struct waiter *waiter)
{
    if (waiters->dismissed || waiters->count >= waiters->most)
        return false;
    waiter->next = waiters->first;
    waiter->place = &waiters->first;
    if (waiter->next)
        waiter->next->place = &waiter->next;
    waiters->first = waiter;
    waiters->count++;
    return true;
}

static void leave(struct waiters *waiters, struct waiter *waiter)
{
    *waiter->place = waiter->next;
    if (waiter->next)
        waiter->next->place = waiter->place;
    waiters->count--;
}

static struct timespec after_ms(int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;

    return (struct timespec){.tv_sec = until / 1000,
                             .tv_nsec = until % 1000 * 1000000};
}

bool waiters_wait(struct waiters *waiters, const char *id, int64_t ms)
{
    struct timespec until = after_ms(ms);
    struct waiter waiter = {0};
    int late = 0;

    snprintf(waiter.id, sizeof(waiter.id), "%s", id);
    pthread_cond_init(&waiter.changed, NULL);
    pthread_mutex_lock(&waiters->lock);
    if (enter(waiters, &waiter)) {
        nudge(waiters);
        while (!waiter.ended && !waiters->dismissed && !late)
            late = pthread_cond_clockwait(&waiter.changed, &waiters->lock,
                                          CLOCK_MONOTONIC, &until);
        leave(waiters, &waiter);
    }
    pthread_mutex_unlock(&waiters->lock);
    pthread_cond_destroy(&waiter.changed);
    return waiter.ended;
}

void waiters_dismiss(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->lock);
    waiters->dismissed = true;
    for (struct waiter *w = waiters->first; w; w = w->next)
        pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&waiters->lock);
}

void waiters_stop(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->lock);
    waiters->stopping = true;
    pthread_mutex_unlock(&waiters->lock);
    nudge(waiters);
    pthread_join(waiters->thread, NULL);
    close(waiters->nudge);
    pthread_mutex_destroy(&waiters->lock);
    talloc_free(waiters);
}
