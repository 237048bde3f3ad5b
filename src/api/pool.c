#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <talloc.h>
#include <time.h>

#define WAIT_S   2
#define LIMIT_MS 30000

/* `idle` is a stack: the connection used last is the warmest. A place that was
 * never used holds no connection yet. */
struct pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    const char *url;
    int size, idle_count, open_count;
    struct db **idle;
};

static int pool_close(struct pool *pool)
{
    for (int i = 0; i < pool->idle_count; i++)
        talloc_free(pool->idle[i]);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
    return 0;
}

struct pool *pool_new(void *mem, const char *url, int size)
{
    struct pool *pool = talloc_zero(mem, struct pool);

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given, NULL);
    pool->url = talloc_strdup(pool, url);
    pool->size = size;
    pool->idle = talloc_zero_array(pool, struct db *, (unsigned)size);
    talloc_set_destructor(pool, pool_close);
    return pool;
}

/* Wait until a connection is idle or may be opened. */
static bool wait_for_place(struct pool *pool)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    while (pool->idle_count == 0 && pool->open_count == pool->size)
        if (pthread_cond_clockwait(&pool->given, &pool->lock, CLOCK_MONOTONIC,
                                   &until) == ETIMEDOUT)
            return pool->idle_count > 0 || pool->open_count < pool->size;
    return true;
}

/* An idle connection, or NULL with the right to open one. */
static bool take_place(struct pool *pool, struct db **ret)
{
    bool found;

    pthread_mutex_lock(&pool->lock);
    found = wait_for_place(pool);
    *ret = NULL;
    if (found && pool->idle_count > 0)
        *ret = pool->idle[--pool->idle_count];
    else if (found)
        pool->open_count++;
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static void leave_place(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open_count--;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

bool pool_open(void *mem, const char *url, struct db **ret, struct error *err)
{
    return db_open_limited(mem, url, LIMIT_MS, ret, err);
}

bool pool_take(struct pool *pool, struct db **ret, struct error *err)
{
    struct db *db;

    if (!take_place(pool, &db))
        return error_set(err, ERROR_UNAVAILABLE, "overloaded",
                         "all database connections are busy");
    if (!db && !pool_open(NULL, pool->url, &db, err)) {
        leave_place(pool);
        return false;
    }
    *ret = db;
    return true;
}

void pool_give(struct pool *pool, struct db *db)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->idle_count++] = db;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

void pool_drop(struct pool *pool, struct db *db)
{
    talloc_free(db);
    leave_place(pool);
}
