#ifndef STREAM_SUBSCRIBER_H
#define STREAM_SUBSCRIBER_H

#include "message.h"
#include "position.h"
#include "stream.h"

#include <sys/queue.h>

struct evhttp_request;

LIST_HEAD(subscribers, subscriber);

/* What a subscriber hears of: one job, the jobs of one batch (to its end), of
 * one owner, all jobs. */
enum topic { TOPIC_JOB, TOPIC_BATCH, TOPIC_OWNER, TOPIC_ALL };

/*
 * A client's stream. First a replay brings it up to date with the log (see
 * replay.h), then it joins the hub. When it reads too slowly for that, it
 * leaves the hub for another replay, which goes at the client's pace. One that
 * takes nothing at all for four heartbeats is cut off.
 */
struct subscriber {
    LIST_ENTRY(subscriber) in_slot, in_channel;
    struct stream *stream;
    struct evhttp_request *req; /* NULL: gone, and waits for its answer */
    enum topic topic;
    const char *key;         /* an id, the owner; "" for all */
    struct channel *channel; /* the hub's, NULL until it has joined */
    bool placed;             /* has a position, its own or the client's */
    bool begun;              /* the status has been sent */
    bool asking;             /* an answer of the database will come */
    bool draining;           /* the replay goes on when all has been sent */
    int64_t seq;             /* TOPIC_JOB: the position */
    /* Others: the position. Within the hub only `before` counts, and NULL is
     * the tail's. */
    struct position at;
};

/* Begin to serve a request; the position is set by the caller. */
struct subscriber *subscriber_new(struct stream *stream,
                                  struct evhttp_request *req, enum topic topic,
                                  const char *key);

/* Say 200 and how soon to reconnect, once. */
void subscriber_begin(struct subscriber *sub);

/* Send a part of a replay; empties `text`. */
void subscriber_replay(struct subscriber *sub, struct evbuffer *text);

/* Send, unless too much is unsent as it is: false then. */
bool subscriber_send(struct subscriber *sub, struct message *message);

/* Bytes that the client has not taken yet. Each time that there are none left,
 * replay_drained() is called. */
size_t subscriber_unsent(const struct subscriber *sub);

/* Of many jobs, and in the hub: whether the tail's position is its own, now
 * that the tail has handed out all that `seen` sees. */
bool subscriber_in_step(struct subscriber *sub, const struct snapshot *seen);

/* All of these end it and free it: after the last event; with 204; with an
 * error's status and JSON, or by cutting off where the status has been sent. */
void subscriber_end(struct subscriber *sub);
void subscriber_end_empty(struct subscriber *sub);
void subscriber_refuse(struct subscriber *sub, const struct error *err);

/* The answer has come. False if the client has gone meanwhile: it is freed. */
bool subscriber_answered(struct subscriber *sub) MUST_CHECK;

#endif
