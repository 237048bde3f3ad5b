#include "ask.h"

#include <string.h>
#include <talloc.h>

#define MOST 1000 /* by one claim */

/* With so much waiting to be recorded, nothing more is begun. */
#define MAX_UNRECORDED       5000
#define MAX_UNRECORDED_BYTES (16 * 1024 * 1024)

/* What the payloads of one claim may take, as far as can be foreseen. */
#define CLAIM_BYTES (8 * 1024 * 1024)

enum { PROGRAMS, PROCESSES, SIDES };

struct ask {
    int asked[SIDES], got[SIDES];
    int unreserved;               /* of the slots asked for */
    int got_unreserved;           /* jobs that have no reserved slot */
    struct run_reserves reserves; /* what is left of them */
    size_t bytes;
};

static int side_of(const struct lane *lane)
{
    return lane_is_program(lane) ? PROGRAMS : PROCESSES;
}

static bool is_choked(const struct worker *worker)
{
    return worker->draining || worker->unrecorded > MAX_UNRECORDED ||
           worker->unrecorded_bytes > MAX_UNRECORDED_BYTES;
}

static int at_most(int64_t value, int64_t limit)
{
    return (int)(value < limit ? value : limit);
}

int ask_total(struct worker *worker)
{
    int total = 0;
    struct lane *lane;

    if (is_choked(worker))
        return 0;
    TAILQ_FOREACH(lane, &worker->lanes, next)
        total += lane_room(lane);
    return total;
}

static void add_room(struct run_rooms *rooms, struct lane *lane)
{
    unsigned count = (unsigned)rooms->count + 1;

    rooms->types = talloc_realloc(NULL, rooms->types, const char *, count);
    rooms->rooms = talloc_realloc(NULL, rooms->rooms, int, count);
    rooms->types[rooms->count] = lane->type->type;
    rooms->rooms[rooms->count++] = lane->asked;
    rooms->total += lane->asked;
}

/* The reserves that are not filled. Then all free slots are offered, even where
 * the types have less room: the others' share is what is not reserved. */
static void add_reserves(struct ask *ask, const struct worker *worker,
                         struct run_rooms *programs)
{
    struct run_reserves *reserves = &ask->reserves;

    ask->unreserved = programs->total;
    if (programs->total == 0 || worker->queues.count == 0)
        return;
    programs->total = (int)worker->conf->slots - worker->programs;
    ask->unreserved = programs->total;
    reserves->queues =
        talloc_array(ask, const char *, (unsigned)worker->queues.count);
    reserves->counts = talloc_array(ask, int, (unsigned)worker->queues.count);
    for (int i = 0; i < worker->queues.count; i++) {
        const struct reserve *reserve = &worker->queues.list[i];
        int left = reserve_unfilled(reserve);

        if (left == 0)
            continue;
        reserves->queues[reserves->count] = reserve->queue;
        reserves->counts[reserves->count++] = left;
        ask->unreserved -= left;
    }
}

/* Payloads are large where the last ones were. */
static int process_limit(const struct worker *worker)
{
    return at_most(CLAIM_BYTES / (worker->payload_bytes + 1) + 1, MOST);
}

struct ask *ask_new(void *mem, struct worker *worker, struct run_ask *ret)
{
    struct ask *ask = talloc_zero(mem, struct ask);
    struct run_rooms sides[SIDES];
    struct lane *lane;

    for (int i = 0; i < SIDES; i++) {
        sides[i] = (struct run_rooms){
            .types = talloc_array(ask, const char *, 0),
            .rooms = talloc_array(ask, int, 0),
        };
    }
    TAILQ_FOREACH(lane, &worker->lanes, next) {
        lane->got = 0;
        lane->asked = is_choked(worker) ? 0 : at_most(lane_room(lane), MOST);
        if (lane->asked > 0)
            add_room(&sides[side_of(lane)], lane);
    }
    sides[PROGRAMS].total =
        at_most(sides[PROGRAMS].total, worker->conf->slots - worker->programs);
    add_reserves(ask, worker, &sides[PROGRAMS]);
    sides[PROCESSES].total =
        at_most(sides[PROCESSES].total, process_limit(worker));
    for (int i = 0; i < SIDES; i++)
        ask->asked[i] = sides[i].total;
    *ret = (struct run_ask){worker->id, worker->queues.names, sides[PROGRAMS],
                            sides[PROCESSES], ask->reserves};
    return ask;
}

/* Whether a job fills a reserve. */
static bool fill(struct run_reserves *reserves, const char *queue)
{
    for (int i = 0; i < reserves->count; i++)
        if (!strcmp(reserves->queues[i], queue) && reserves->counts[i] > 0)
            return reserves->counts[i]-- > 0;
    return false;
}

void ask_got(struct ask *ask, struct worker *worker, const struct run *run)
{
    struct lane *lane = lane_by_name(worker, run->type);

    lane->got++;
    ask->got[side_of(lane)]++;
    if (lane_is_program(lane) && !fill(&ask->reserves, run->queue))
        ask->got_unreserved++;
    ask->bytes += strlen(run->payload);
}

void ask_freed(struct worker *worker)
{
    struct lane *lane;

    TAILQ_FOREACH(lane, &worker->lanes, next)
        if (worker->held_back && lane_is_program(lane))
            lane->full = true;
    worker->held_back = false;
}

static int unreserved_now(const struct worker *worker)
{
    int slots = (int)worker->conf->slots - worker->programs;

    for (int i = 0; i < worker->queues.count; i++)
        slots -= reserve_unfilled(&worker->queues.list[i]);
    return slots;
}

/* Jobs may have been left though slots are free: more when a program ends, or
 * at once where that was while the claim was under way. */
static void hold_back(struct worker *worker)
{
    worker->held_back = true;
    if (unreserved_now(worker) > 0)
        ask_freed(worker);
}

void ask_done(struct ask *ask, struct worker *worker)
{
    int got = ask->got[PROGRAMS] + ask->got[PROCESSES];
    struct lane *lane;

    TAILQ_FOREACH(lane, &worker->lanes, next) {
        int side = side_of(lane);

        lane->full =
            lane->got >= lane->asked || ask->got[side] >= ask->asked[side];
    }
    if (ask->reserves.count > 0 && ask->got_unreserved >= ask->unreserved)
        hold_back(worker);
    if (got > 0)
        worker->payload_bytes = (int64_t)ask->bytes / got;
}

bool ask_fell_short(const struct ask *ask)
{
    int got = ask->got[PROGRAMS] + ask->got[PROCESSES];

    return got > 0 && got < ask->asked[PROGRAMS] + ask->asked[PROCESSES];
}
