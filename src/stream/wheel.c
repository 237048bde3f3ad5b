#include "wheel.h"

#include "tail.h"

#include <talloc.h>

#define SLOTS 16

struct wheel {
    struct stream *stream;
    struct subscribers slots[SLOTS];
    int at;    /* the slot that was served last */
    int count; /* of subscribers; the timer runs while there are any */
    struct event *tick;
    struct timeval interval;
};

/* What a turn of the wheel sends. */
struct beat {
    const struct snapshot *seen; /* by the tail; NULL: it is amid a look */
    struct message *plain;
    struct message *placed; /* with the tail's position, if it has one */
};

static struct beat beat_new(const struct stream *stream)
{
    struct beat beat = {.seen = tail_seen(stream->tail),
                        .plain = message_new(NULL, ": hb\n\n")};

    if (beat.seen) {
        char *id = position_text(NULL, beat.seen, beat.seen, 0);

        beat.placed = message_new(id, ": hb\n\n");
        talloc_free(id);
    }
    return beat;
}

/* Who has too much unsent needs no heartbeat. */
static void beat_one(const struct beat *beat, struct subscriber *sub)
{
    bool is_placed = beat->seen && sub->channel && sub->topic != TOPIC_JOB &&
                     subscriber_in_step(sub, beat->seen);

    if (sub->begun)
        subscriber_send(sub, is_placed ? beat->placed : beat->plain);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct wheel *wheel = arg;
    struct beat beat = beat_new(wheel->stream);
    struct subscriber *sub;

    (void)fd, (void)what;
    wheel->at = (wheel->at + 1) % SLOTS;
    sub = LIST_FIRST(&wheel->slots[wheel->at]);
    for (; sub; sub = LIST_NEXT(sub, in_slot))
        beat_one(&beat, sub);
    message_release(beat.plain);
    message_release(beat.placed);
}

static int wheel_done(struct wheel *wheel)
{
    event_free(wheel->tick);
    return 0;
}

struct wheel *wheel_new(void *mem, struct stream *stream)
{
    struct wheel *wheel = talloc_zero(mem, struct wheel);
    int64_t interval_ms = stream->conf->sse_heartbeat / SLOTS;

    wheel->stream = stream;
    wheel->interval.tv_sec = interval_ms / 1000;
    wheel->interval.tv_usec = interval_ms % 1000 * 1000;
    wheel->tick = event_new(stream->base, -1, EV_PERSIST, on_tick, wheel);
    talloc_set_destructor(wheel, wheel_done);
    return wheel;
}

void wheel_add(struct wheel *wheel, struct subscriber *sub)
{
    LIST_INSERT_HEAD(&wheel->slots[wheel->at], sub, in_slot);
    if (wheel->count++ == 0)
        event_add(wheel->tick, &wheel->interval);
}

void wheel_remove(struct wheel *wheel, struct subscriber *sub)
{
    LIST_REMOVE(sub, in_slot);
    if (--wheel->count == 0)
        event_del(wheel->tick);
}

static void end(struct subscriber *sub)
{
    static const struct error leaving = {.kind = ERROR_UNAVAILABLE,
                                         .code = "stopping",
                                         .text = "the server stops"};

    if (sub->begun)
        subscriber_end(sub);
    else
        subscriber_refuse(sub, &leaving);
}

void wheel_end_all(struct wheel *wheel)
{
    for (int i = 0; i < SLOTS; i++)
        while (!LIST_EMPTY(&wheel->slots[i]))
            end(LIST_FIRST(&wheel->slots[i]));
}
