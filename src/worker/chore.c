#include "chore.h"

#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <talloc.h>
#include <unistd.h>

#define THREADS    3
#define STACK_SIZE (256 * 1024)

struct chore {
    STAILQ_ENTRY(chore) next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

STAILQ_HEAD(chore_list, chore);

/* The lists and `stopping` are guarded by the lock; the rest is the loop's. */
struct chores {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct chore_list waiting, worked;
    bool stopping;
    int pending;
    int bell; /* an eventfd: something is in `worked` */
    struct event *rung, *after;
    pthread_t threads[THREADS];
    int thread_count;
};

static struct chore *take(struct chores *chores)
{
    struct chore *chore = NULL;

    pthread_mutex_lock(&chores->lock);
    while (!chores->stopping && STAILQ_EMPTY(&chores->waiting))
        pthread_cond_wait(&chores->more, &chores->lock);
    if (!chores->stopping) {
        chore = STAILQ_FIRST(&chores->waiting);
        STAILQ_REMOVE_HEAD(&chores->waiting, next);
    }
    pthread_mutex_unlock(&chores->lock);
    return chore;
}

static void give(struct chores *chores, struct chore *chore)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&chores->lock);
    STAILQ_INSERT_TAIL(&chores->worked, chore, next);
    pthread_mutex_unlock(&chores->lock);
    (void)!write(chores->bell, &one, sizeof(one));
}

static void *work(void *arg)
{
    struct chores *chores = arg;
    struct chore *chore;

    while ((chore = take(chores))) {
        chore->work(chore->arg);
        give(chores, chore);
    }
    return NULL;
}

static struct chore *worked(struct chores *chores)
{
    struct chore *chore;

    pthread_mutex_lock(&chores->lock);
    chore = STAILQ_FIRST(&chores->worked);
    if (chore)
        STAILQ_REMOVE_HEAD(&chores->worked, next);
    pthread_mutex_unlock(&chores->lock);
    return chore;
}

static void on_rung(evutil_socket_t fd, short what, void *arg)
{
    struct chores *chores = arg;
    struct chore *chore;
    uint64_t rings;

    (void)what;
    (void)!read(fd, &rings, sizeof(rings));
    while ((chore = worked(chores))) {
        chores->pending--;
        if (chore->done)
            chore->done(chore->arg);
        free(chore);
    }
    event_active(chores->after, 0, 0);
}

static void drop_all(struct chore_list *list)
{
    struct chore *chore;

    while ((chore = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, next);
        free(chore);
    }
}

static int chores_close(struct chores *chores)
{
    pthread_mutex_lock(&chores->lock);
    chores->stopping = true;
    pthread_cond_broadcast(&chores->more);
    pthread_mutex_unlock(&chores->lock);
    for (int i = 0; i < chores->thread_count; i++)
        pthread_join(chores->threads[i], NULL);
    drop_all(&chores->waiting);
    drop_all(&chores->worked);
    event_free(chores->rung);
    close(chores->bell);
    return 0;
}

/* Signals are for the loop. */
static bool start_threads(struct chores *chores)
{
    pthread_attr_t small;
    sigset_t all, before;
    int failed = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    while (!failed && chores->thread_count < THREADS) {
        failed = pthread_create(&chores->threads[chores->thread_count], &small,
                                work, chores);
        if (!failed)
            chores->thread_count++;
    }
    pthread_attr_destroy(&small);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return chores->thread_count > 0;
}

struct chores *chores_open(void *mem, struct event_base *base,
                           struct event *after, struct error *err)
{
    struct chores *chores = talloc_zero(mem, struct chores);

    pthread_mutex_init(&chores->lock, NULL);
    pthread_cond_init(&chores->more, NULL);
    STAILQ_INIT(&chores->waiting);
    STAILQ_INIT(&chores->worked);
    chores->after = after;
    chores->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    chores->rung =
        event_new(base, chores->bell, EV_READ | EV_PERSIST, on_rung, chores);
    talloc_set_destructor(chores, chores_close);
    if (chores->bell < 0 || !start_threads(chores)) {
        error_set(err, ERROR_UNAVAILABLE, "no_threads",
                  "cannot start the threads for files: %m");
        talloc_free(chores);
        return NULL;
    }
    event_add(chores->rung, NULL);
    return chores;
}

void chore_do(struct chores *chores, void (*work_fn)(void *arg),
              void (*done)(void *arg), void *arg)
{
    struct chore *chore = malloc(sizeof(*chore));

    if (!chore)
        abort();
    *chore = (struct chore){.work = work_fn, .done = done, .arg = arg};
    chores->pending++;
    pthread_mutex_lock(&chores->lock);
    STAILQ_INSERT_TAIL(&chores->waiting, chore, next);
    pthread_cond_signal(&chores->more);
    pthread_mutex_unlock(&chores->lock);
}

int chores_pending(const struct chores *chores)
{
    return chores->pending;
}
