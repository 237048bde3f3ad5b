#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include "lane.h"
#include "process.h"

/*
 * The warm processes of a lane. They are started when there are jobs for them,
 * and replaced when they have done enough of them or are old enough. Where they
 * die before they have answered once, the next waits longer and longer, and
 * meanwhile the lane takes no jobs.
 */
struct pool {
    struct lane *lane;
    struct process_list processes;
    int open;              /* those that may be given jobs */
    int deaths;            /* since the last answer */
    int64_t not_before_ms; /* no new one until then */
    struct event *wake;
};

struct pool *pool_new(struct lane *lane);

/* Whether it may take jobs now. */
bool pool_ready(const struct pool *pool);

/* Let its processes go, each when it has answered for its jobs. */
void pool_close(struct pool *pool);
bool pool_empty(const struct pool *pool);

/* A process has answered, or has died; `soon` is before its first answer. */
void pool_answered(struct pool *pool);
void pool_died(struct pool *pool, bool soon);

#endif
