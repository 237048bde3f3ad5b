#include "hub.h"

#include "channel.h"
#include "replay.h"
#include "sse.h"

#include <inttypes.h>
#include <stdio.h>
#include <talloc.h>

struct hub {
    struct channels *channels;
};

struct hub *hub_new(void *mem)
{
    struct hub *hub = talloc_zero(mem, struct hub);

    hub->channels = channels_new(hub);
    return hub;
}

void hub_join(struct hub *hub, struct subscriber *sub)
{
    sub->channel = channel_get(hub->channels, sub->topic, sub->key);
    LIST_INSERT_HEAD(&sub->channel->members, sub, in_channel);
}

void hub_leave(struct hub *hub, struct subscriber *sub)
{
    if (!sub->channel)
        return;
    LIST_REMOVE(sub, in_channel);
    channel_release(hub->channels, sub->channel);
    sub->channel = NULL;
}

bool hub_empty(const struct hub *hub)
{
    return channels_count(hub->channels) == 0;
}

bool hub_wants(const struct hub *hub, const struct event *event)
{
    return channel_find(hub->channels, TOPIC_JOB, event->job_id) ||
           (event->batch &&
            channel_find(hub->channels, TOPIC_BATCH, event->batch)) ||
           channel_find(hub->channels, TOPIC_OWNER, event->owner) ||
           channel_find(hub->channels, TOPIC_ALL, "");
}

/* An event on its way. What is sent is made when it is first needed. */
struct issue {
    const struct event *event;
    const struct snapshot *before, *within;
    const char *body;
    struct message *for_job, *for_many;
};

static struct message *with_id(struct issue *issue, const char *id)
{
    if (!issue->body)
        issue->body = sse_body(issue, issue->event);
    return message_new(id, issue->body);
}

static void send_job(struct issue *issue, struct subscriber *sub)
{
    char id[24];

    if (issue->event->seq <= sub->seq)
        return;
    if (!issue->for_job) {
        snprintf(id, sizeof(id), "%" PRId64, issue->event->seq);
        issue->for_job = with_id(issue, id);
    }
    if (!subscriber_send(sub, issue->for_job)) {
        replay_resume(sub);
        return;
    }
    sub->seq = issue->event->seq;
    if (issue->event->what->final)
        subscriber_end(sub);
}

/* The id goes by what the subscriber had seen before this look. */
static struct message *counted_from(struct issue *issue,
                                    const struct snapshot *before)
{
    return with_id(
        issue, position_text(issue, before, issue->within, issue->event->seq));
}

/* The client reads too slowly: a replay goes on right before this event. */
static void leave_behind(const struct issue *issue, struct subscriber *sub)
{
    if (!sub->at.before)
        sub->at.before = snapshot_copy(sub, issue->before);
    sub->at.within = snapshot_copy(sub, issue->within);
    sub->at.after = issue->event->seq - 1;
    replay_resume(sub);
}

/* The subscriber has come further than the last look. */
static bool send_ahead(struct issue *issue, struct subscriber *sub)
{
    struct message *message;
    bool sent;

    if (snapshot_sees(sub->at.before, (uint64_t)issue->event->xid))
        return true;
    message = counted_from(issue, sub->at.before);
    sent = subscriber_send(sub, message);
    message_release(message);
    return sent;
}

static bool send_in_step(struct issue *issue, struct subscriber *sub)
{
    if (!issue->for_many)
        issue->for_many = counted_from(issue, issue->before);
    return subscriber_send(sub, issue->for_many);
}

static void send_many(struct issue *issue, struct subscriber *sub)
{
    const struct event_kind *what = issue->event->what;
    bool sent = subscriber_in_step(sub, issue->before)
                    ? send_in_step(issue, sub)
                    : send_ahead(issue, sub);

    if (!sent)
        leave_behind(issue, sub);
    else if (sub->topic == TOPIC_BATCH && what->of_batch && what->final)
        subscriber_end(sub);
}

/* Sending may end a subscriber, and with the last one its channel. */
static void publish(const struct hub *hub, enum topic topic, const char *key,
                    struct issue *issue)
{
    struct channel *channel = channel_find(hub->channels, topic, key);
    struct subscriber *sub = channel ? LIST_FIRST(&channel->members) : NULL;

    while (sub) {
        struct subscriber *next = LIST_NEXT(sub, in_channel);

        if (topic == TOPIC_JOB)
            send_job(issue, sub);
        else
            send_many(issue, sub);
        sub = next;
    }
}

void hub_publish(struct hub *hub, const struct event *event,
                 const struct snapshot *before, const struct snapshot *within)
{
    struct issue *issue = talloc_zero(hub, struct issue);

    issue->event = event;
    issue->before = before;
    issue->within = within;
    publish(hub, TOPIC_JOB, event->job_id, issue);
    if (event->batch)
        publish(hub, TOPIC_BATCH, event->batch, issue);
    publish(hub, TOPIC_OWNER, event->owner, issue);
    publish(hub, TOPIC_ALL, "", issue);
    message_release(issue->for_job);
    message_release(issue->for_many);
    talloc_free(issue);
}
