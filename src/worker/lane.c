#include "lane.h"

#include "fastcgi.h"
#include "pool.h"
#include "push.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

static void set_handler(struct lane *lane)
{
    switch (lane->type->kind) {
    case TYPE_PROGRAM:
        lane->handler = &program_handler;
        break;
    case TYPE_PROCESS:
        lane->handler = &process_handler;
        lane->pool = pool_new(lane);
        break;
    case TYPE_FASTCGI:
        lane->handler = &fastcgi_handler;
        lane->fastcgi = fastcgi_new(lane);
        break;
    case TYPE_HTTP:
        lane->handler = &push_handler;
        lane->push = push_new(lane);
        break;
    }
}

static struct lane *lane_new(struct worker *worker, const struct job_type *type)
{
    struct lane *lane = talloc_zero(worker, struct lane);

    lane->worker = worker;
    lane->type = type;
    lane->full = true; /* nobody has looked yet */
    TAILQ_INIT(&lane->queue);
    TAILQ_INSERT_TAIL(&worker->lanes, lane, next);
    set_handler(lane);
    return lane;
}

/* What it has not started is claimed anew, by whoever comes first. */
static void retire(struct lane *lane)
{
    struct attempt *attempt, *next;

    lane->retired = true;
    TAILQ_FOREACH_SAFE(attempt, &lane->queue, place, next)
        attempt_stop(attempt, STOP_GIVE_BACK);
    if (lane->pool)
        pool_close(lane->pool);
}

static const struct job_type *type_by_name(const struct job_types *types,
                                           const char *name)
{
    for (int i = 0; i < types->count; i++)
        if (!strcmp(types->list[i].type, name))
            return &types->list[i];
    return NULL;
}

void lanes_load(struct worker *worker, const struct job_types *types)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &worker->lanes, next) {
        const struct job_type *type = type_by_name(types, lane->type->type);

        if (!lane->retired &&
            (!type || strcmp(type->text, lane->type->text) != 0))
            retire(lane);
    }
    for (int i = 0; i < types->count; i++) {
        lane = lane_by_name(worker, types->list[i].type);
        if (!lane || lane->retired)
            lane_new(worker, &types->list[i]);
    }
}

struct lane *lane_by_name(struct worker *worker, const char *name)
{
    struct lane *lane, *found = NULL;

    TAILQ_FOREACH(lane, &worker->lanes, next) {
        if (strcmp(lane->type->type, name) != 0)
            continue;
        found = lane;
        if (!lane->retired)
            break;
    }
    return found;
}

/* The lesser of two limits, of which 0 is none. */
static int64_t least(int64_t capacity, int64_t limit)
{
    return limit && limit < capacity ? limit : capacity;
}

static int64_t places(const struct lane *lane)
{
    const struct job_type *type = lane->type;

    if (lane->fastcgi)
        return type->max_in_flight;
    if (lane->push)
        return push_places(lane->push);
    return lane->pool ? type->processes * type->pipeline
                      : lane->worker->conf->slots;
}

static bool is_ready(const struct lane *lane)
{
    return (!lane->pool || pool_ready(lane->pool)) &&
           (!lane->fastcgi || fastcgi_ready(lane->fastcgi));
}

int lane_capacity(const struct lane *lane)
{
    const struct job_type *type = lane->type;

    if (lane->retired || !is_ready(lane))
        return 0;
    return (int)least(least(places(lane), type->concurrency), type->per_worker);
}

int lane_room(const struct lane *lane)
{
    int room = lane_capacity(lane) - lane->held;
    int slots = (int)lane->worker->conf->slots - lane->worker->programs;

    if (lane_is_program(lane) && slots < room)
        room = slots;
    return room > 0 ? room : 0;
}
