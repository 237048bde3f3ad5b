#include "subscriber.h"

#include "hub.h"
#include "log.h"
#include "replay.h"
#include "reply.h"
#include "wheel.h"

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <string.h>
#include <talloc.h>

/* How soon a client that was cut off comes back, ms. */
#define RECONNECT "retry: 2000\n\n"

/* A client that takes nothing for so many heartbeats is gone. */
#define BEATS_MOST 4

static struct bufferevent *socket_of(const struct subscriber *sub)
{
    return evhttp_connection_get_bufferevent(sub->req->evcon);
}

/* Let go of the client. What is asked of the database is waited for. */
static void part(struct subscriber *sub)
{
    hub_leave(sub->stream->hub, sub);
    wheel_remove(sub->stream->wheel, sub);
    sub->req = NULL;
    if (!sub->asking)
        talloc_free(sub);
}

static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct subscriber *sub = arg;
    struct evhttp_request *req = sub->req;
    size_t unsent = evbuffer_get_length(
        bufferevent_get_output(evhttp_connection_get_bufferevent(connection)));

    if (unsent > 0)
        log_debug("a client went, or was cut off, with %zu bytes unsent",
                  unsent);
    part(sub);
    /* The connection has let go of the request: this only frees it. */
    evhttp_send_reply_end(req);
}

/* The request, of which the subscriber hears no more. */
static struct evhttp_request *take_request(struct subscriber *sub)
{
    struct evhttp_request *req = sub->req;

    evhttp_connection_set_closecb(req->evcon, NULL, NULL);
    part(sub);
    return req;
}

struct subscriber *subscriber_new(struct stream *stream,
                                  struct evhttp_request *req, enum topic topic,
                                  const char *key)
{
    struct subscriber *sub = talloc_zero(stream, struct subscriber);

    sub->stream = stream;
    sub->req = req;
    sub->topic = topic;
    sub->key = talloc_strdup(sub, key);
    evhttp_connection_set_closecb(req->evcon, on_close, sub);
    wheel_add(stream->wheel, sub);
    return sub;
}

static void on_drained(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    replay_drained(arg);
}

void subscriber_replay(struct subscriber *sub, struct evbuffer *text)
{
    evhttp_send_reply_chunk_with_cb(sub->req, text, on_drained, sub);
}

static void set_limit(struct subscriber *sub)
{
    int64_t ms = BEATS_MOST * sub->stream->conf->sse_heartbeat;
    struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    bufferevent_set_timeouts(socket_of(sub), NULL, &limit);
}

static void send_head(struct subscriber *sub)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(sub->req);

    evhttp_add_header(headers, "Content-Type",
                      "text/event-stream; charset=utf-8");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Accel-Buffering", "no");
    evhttp_add_header(headers, "Connection", "close");
    evhttp_send_reply_start(sub->req, HTTP_OK, "OK");

    /* Headers are half of what an idle stream costs; one is still needed. */
    evhttp_clear_headers(evhttp_request_get_input_headers(sub->req));
    evhttp_clear_headers(headers);
    evhttp_add_header(headers, "Connection", "close");
}

void subscriber_begin(struct subscriber *sub)
{
    struct evbuffer *text;

    if (sub->begun)
        return;
    sub->begun = true;
    send_head(sub);
    set_limit(sub);

    text = evbuffer_new();
    evbuffer_add(text, RECONNECT, strlen(RECONNECT));
    subscriber_replay(sub, text);
    evbuffer_free(text);
}

size_t subscriber_unsent(const struct subscriber *sub)
{
    return evbuffer_get_length(bufferevent_get_output(socket_of(sub)));
}

/* A single message may be larger than the limit; two at once may not. */
bool subscriber_send(struct subscriber *sub, struct message *message)
{
    struct bufferevent *to = socket_of(sub);

    if (subscriber_unsent(sub) > (size_t)sub->stream->conf->sse_buffer)
        return false;
    message_send(message, bufferevent_getfd(to), bufferevent_get_output(to),
                 sub->req->chunked);
    return true;
}

/* A replay may have brought it further than the tail was then. */
bool subscriber_in_step(struct subscriber *sub, const struct snapshot *seen)
{
    if (sub->at.before && !snapshot_newer(sub->at.before, seen))
        TALLOC_FREE(sub->at.before);
    return !sub->at.before;
}

void subscriber_end(struct subscriber *sub)
{
    evhttp_send_reply_end(take_request(sub));
}

void subscriber_end_empty(struct subscriber *sub)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(sub->req);

    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close");
    evhttp_send_reply(take_request(sub), HTTP_NOCONTENT, "No Content", NULL);
}

void subscriber_refuse(struct subscriber *sub, const struct error *err)
{
    if (!sub->begun)
        reply_error(take_request(sub), err);
    else
        evhttp_connection_free(take_request(sub)->evcon);
}

bool subscriber_answered(struct subscriber *sub)
{
    sub->asking = false;
    if (sub->req)
        return true;
    talloc_free(sub);
    return false;
}
