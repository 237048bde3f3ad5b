#include "committer.h"
#include "bell.h"
#include "clock.h"
#include "pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

/* What goes into one call: keeps its arrays, and the wait for it, short. The
 * connection keeps the memory of its largest statement. */
#define MOST       256
#define MOST_BYTES (4 << 20)

#define MOST_GATHER_US 1000

/* One posting on its way, on the stack of the thread that waits for it. */
struct ticket {
    struct posting *posting;
    struct ticket *next;
    sem_t settled;
    bool ok;
    struct error err;
};

struct committer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct ticket *first, **last; /* guarded by the lock, as all below */
    int waiting;                  /* tickets from `first` on */
    int wanted;                   /* so many wake the thread; 0: none */
    bool stopping;
    int64_t busy_since; /* ms; 0: idle */

    const char *url, *run_dir; /* the thread's own, as all below */
    struct db *db;             /* NULL until it could be opened */
    int last_count;            /* tickets of the last commit, */
    int64_t last_us;           /* and how long it took */
};

static bool store(struct committer *committer, struct ticket **tickets,
                  int count, struct error *err)
{
    struct posting *postings[MOST];

    for (int i = 0; i < count; i++)
        postings[i] = tickets[i]->posting;
    if (!committer->db &&
        !pool_open(committer, committer->url, &committer->db, err))
        return false;
    return enqueue_store(committer->db, postings, count, err);
}

/* The ticket is gone once its owner has been told. */
static void settle(struct ticket **tickets, int count, bool ok,
                   const struct error *err)
{
    for (int i = 0; i < count; i++) {
        tickets[i]->ok = ok;
        tickets[i]->err = *err;
        sem_post(&tickets[i]->settled);
    }
}

static void commit(struct committer *committer, struct ticket **tickets,
                   int count)
{
    struct error err = {0};
    bool ok = store(committer, tickets, count, &err);
    int half = count / 2;

    if (!ok && count > 1 && err.kind != ERROR_UNAVAILABLE) {
        commit(committer, tickets, half);
        commit(committer, tickets + half, count - half);
        return;
    }
    if (ok) {
        bell_ring(committer->run_dir, "jobs");
        bell_ring(committer->run_dir, "events");
    }
    settle(tickets, count, ok, &err);
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/*
 * Whom the last commit has answered are on their way with their next posts. To
 * wait for them for a moment, short beside a commit, makes one commit of what
 * would be two that take turns: measured, nearly twice the posts. With the
 * lock.
 */
static void gather(struct committer *committer, int expected)
{
    int64_t us = committer->last_us / 8;
    int64_t until = now_us() + (us < MOST_GATHER_US ? us : MOST_GATHER_US);
    struct timespec limit = {.tv_sec = until / 1000000,
                             .tv_nsec = until % 1000000 * 1000};
    int late = 0;

    committer->wanted = expected;
    while (committer->waiting < expected && !committer->stopping && !late)
        late = pthread_cond_clockwait(&committer->arrived, &committer->lock,
                                      CLOCK_MONOTONIC, &limit);
}

/* Take tickets up to what goes into one call. With the lock. */
static int take_waiting(struct committer *committer, struct ticket **ret)
{
    size_t bytes = 0;
    int count = 0;

    while (committer->first && count < MOST && bytes < MOST_BYTES) {
        bytes += strlen(committer->first->posting->jobs->payload);
        ret[count++] = committer->first;
        committer->first = committer->first->next;
    }
    if (!committer->first)
        committer->last = &committer->first;
    committer->waiting -= count;
    return count;
}

/* Wait for tickets and take some of them; 0: it is time to stop. */
static int take(struct committer *committer, struct ticket **ret)
{
    int count, expected;

    pthread_mutex_lock(&committer->lock);
    committer->busy_since = 0;
    expected = committer->waiting + committer->last_count;
    committer->wanted = 1;
    while (!committer->first && !committer->stopping)
        pthread_cond_wait(&committer->arrived, &committer->lock);
    if (committer->last_count > 1)
        gather(committer, expected);

    committer->wanted = 0;
    count = take_waiting(committer, ret);
    committer->busy_since = clock_mono_ms();
    pthread_mutex_unlock(&committer->lock);
    return count;
}

static void *run(void *arg)
{
    struct committer *committer = arg;
    struct ticket *tickets[MOST];
    int count;

    while ((count = take(committer, tickets)) > 0) {
        int64_t begun = now_us();

        commit(committer, tickets, count);
        committer->last_us = now_us() - begun;
        committer->last_count = count;
    }
    return NULL;
}

bool committer_start(void *mem, const char *url, const char *run_dir,
                     struct committer **ret, struct error *err)
{
    struct committer *committer = talloc_zero(mem, struct committer);
    int failed;

    committer->url = talloc_strdup(committer, url);
    committer->run_dir = talloc_strdup(committer, run_dir);
    committer->last = &committer->first;
    pthread_mutex_init(&committer->lock, NULL);
    pthread_cond_init(&committer->arrived, NULL);
    failed = pthread_create(&committer->thread, NULL, run, committer);
    if (failed)
        return error_set(err, ERROR_UNAVAILABLE, "no_thread",
                         "cannot start a thread: %s", strerror(failed));
    *ret = committer;
    return true;
}

bool committer_store(struct committer *committer, struct posting *posting,
                     struct error *err)
{
    struct ticket ticket = {.posting = posting};

    sem_init(&ticket.settled, 0, 0);
    pthread_mutex_lock(&committer->lock);
    *committer->last = &ticket;
    /* It is off the list again before this function returns. */
    /* cppcheck-suppress autoVariables */
    committer->last = &ticket.next;
    if (++committer->waiting == committer->wanted)
        pthread_cond_signal(&committer->arrived);
    pthread_mutex_unlock(&committer->lock);

    while (sem_wait(&ticket.settled) < 0)
        continue;
    sem_destroy(&ticket.settled);
    if (!ticket.ok)
        *err = ticket.err;
    return ticket.ok;
}

bool committer_is_stuck(struct committer *committer)
{
    int64_t since;

    pthread_mutex_lock(&committer->lock);
    since = committer->busy_since;
    pthread_mutex_unlock(&committer->lock);
    return since && clock_mono_ms() - since > COMMITTER_STUCK_MS;
}

void committer_stop(struct committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->stopping = true;
    pthread_cond_signal(&committer->arrived);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    pthread_cond_destroy(&committer->arrived);
    pthread_mutex_destroy(&committer->lock);
    talloc_free(committer);
}
