#ifndef WORKER_LANE_H
#define WORKER_LANE_H

#include "attempt.h"
#include "queue.h"
#include "type.h"

/*
 * A job type on this worker: its settings, and what there is of it here. They
 * do not change; where a reload finds another description, or none, the lane
 * takes no more jobs, and stays for what still runs in it.
 */
struct lane;

/* What the kinds do differently. */
struct handler {
    /* Start what can be started of the lane's queue. */
    void (*dispatch)(struct lane *lane);
    /* Stop a running attempt; it ends by itself then. */
    void (*stop)(struct attempt *attempt, enum guard_command command);
};

extern const struct handler program_handler, process_handler, fastcgi_handler,
    push_handler;

TAILQ_HEAD(lane_list, lane);

struct lane {
    TAILQ_ENTRY(lane) next;
    struct worker *worker;
    const struct job_type *type;
    const struct handler *handler;
    bool retired;              /* takes no more jobs */
    struct attempt_list queue; /* claimed, ready to start, not started */
    int held;                  /* claimed and not ended */
    int asked;                 /* room in the claim that is under way */
    int got;                   /* jobs that it has brought */
    bool full;                 /* there may be more than it could bring */
    struct pool *pool;         /* the warm processes; NULL: of another kind */
    struct fastcgi *fastcgi;   /* the FastCGI server; NULL: of another kind */
    struct push *push;         /* requests to a web server; NULL: another kind */
};

/* Make the lanes fit the types of types.d, which stay with `worker`. */
void lanes_load(struct worker *worker, const struct job_types *types);

/* The lane that takes jobs of a type, else a retired one, else NULL. */
struct lane *lane_by_name(struct worker *worker, const char *name);

/* How many jobs of this lane the worker can have at once, and how many more. */
int lane_capacity(const struct lane *lane);
int lane_room(const struct lane *lane);

static inline bool lane_is_program(const struct lane *lane)
{
    return lane->handler == &program_handler;
}

#endif
