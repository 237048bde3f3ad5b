#include "server.h"

#include "replay.h"
#include "reply.h"
#include "tail.h"
#include "uuid.h"
#include "wheel.h"

#include <ctype.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define HEADERS_MOST 65536 /* a position may name many transactions */
#define BODY_MOST    4096  /* nobody sends one */

/* A request for a stream. */
struct call {
    struct evhttp_request *req;
    struct stream *stream;
    char *rest;     /* the path after the route's, decoded */
    char *position; /* where the client left off, or NULL */
};

static bool not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "not_found",
                     "there is no such stream");
}

/* Ids are kept as PostgreSQL writes them. */
static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static bool open_job(struct call *call, struct error *err)
{
    struct subscriber *sub;
    int64_t seq = 0;

    if (!uuid_valid(call->rest))
        return error_set(err, ERROR_NOT_FOUND, "job_not_found",
                         "there is no such job");
    if (call->position && !position_parse_seq(call->position, &seq, err))
        return false;
    lower(call->rest);
    sub = subscriber_new(call->stream, call->req, TOPIC_JOB, call->rest);
    sub->placed = call->position != NULL;
    sub->seq = seq;
    replay_start(sub);
    return true;
}

static bool open_many(struct call *call, enum topic topic, struct error *err)
{
    struct subscriber *sub;
    struct position at = {0};

    if (call->position && !position_parse(call, call->position, &at, err))
        return false;
    sub = subscriber_new(call->stream, call->req, topic, call->rest);
    sub->placed = call->position != NULL;
    sub->at.before = talloc_steal(sub, at.before);
    sub->at.within = talloc_steal(sub, at.within);
    sub->at.after = at.after;
    replay_start(sub);
    return true;
}

static bool open_batch(struct call *call, struct error *err)
{
    if (!uuid_valid(call->rest))
        return error_set(err, ERROR_NOT_FOUND, "batch_not_found",
                         "there is no such batch");
    lower(call->rest);
    return open_many(call, TOPIC_BATCH, err);
}

static bool open_owner(struct call *call, struct error *err)
{
    return *call->rest ? open_many(call, TOPIC_OWNER, err) : not_found(err);
}

static bool open_all(struct call *call, struct error *err)
{
    return !*call->rest ? open_many(call, TOPIC_ALL, err) : not_found(err);
}

static bool show_health(struct call *call, struct error *err)
{
    struct evbuffer *body;

    if (*call->rest)
        return not_found(err);
    if (!tail_connected(call->stream->tail) ||
        !dba_connected(call->stream->replays))
        return error_set(err, ERROR_UNAVAILABLE, "database_unavailable",
                         "the database is away");
    body = evbuffer_new();
    evbuffer_add(body, "ok", 2);
    evhttp_add_header(evhttp_request_get_output_headers(call->req),
                      "Content-Type", "text/plain");
    evhttp_send_reply(call->req, HTTP_OK, "OK", body);
    evbuffer_free(body);
    return true;
}

static const struct {
    const char *path; /* the beginning of it */
    bool (*serve)(struct call *call, struct error *err);
} routes[] = {
    {"/jobs/",    open_job   },
    {"/batches/", open_batch },
    {"/owners/",  open_owner },
    {"/all",      open_all   },
    {"/healthz",  show_health},
};

/* A query argument, or NULL. */
static char *argument(void *mem, const struct evhttp_uri *uri, const char *name)
{
    const char *query = evhttp_uri_get_query(uri);
    struct evkeyvalq found;
    char *value;

    if (!query || evhttp_parse_query_str(query, &found) < 0)
        return NULL;
    value = talloc_strdup(mem, evhttp_find_header(&found, name));
    evhttp_clear_headers(&found);
    return value;
}

static char *position_of(void *mem, struct evhttp_request *req)
{
    const char *header = evhttp_find_header(
        evhttp_request_get_input_headers(req), "Last-Event-ID");
    char *position =
        header && *header
            ? talloc_strdup(mem, header)
            : argument(mem, evhttp_request_get_evhttp_uri(req), "after");

    return position && *position ? position : NULL;
}

/* Percent signs resolved; NULL if that gives a zero byte. */
static char *decode(void *mem, const char *text)
{
    size_t len;
    char *plain = evhttp_uridecode(text, 0, &len), *copy;

    if (!plain)
        return NULL;
    copy = strlen(plain) == len ? talloc_strdup(mem, plain) : NULL;
    free(plain);
    return copy;
}

static bool serve(struct call *call, struct error *err)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(call->req);
    const char *path = evhttp_uri_get_path(uri);

    if (evhttp_request_get_command(call->req) != EVHTTP_REQ_GET)
        return error_set(err, ERROR_NOT_ALLOWED, "method_not_allowed",
                         "streams are only read");
    call->position = position_of(call, call->req);
    for (size_t i = 0; path && i < sizeof(routes) / sizeof(*routes); i++) {
        size_t len = strlen(routes[i].path);

        if (strncmp(path, routes[i].path, len) != 0)
            continue;
        call->rest = decode(call, path + len);
        return call->rest ? routes[i].serve(call, err) : not_found(err);
    }
    return not_found(err);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct call *call = talloc_zero(NULL, struct call);
    struct error err;

    call->req = req;
    call->stream = arg;
    if (!serve(call, &err))
        reply_error(req, &err);
    talloc_free(call);
}

bool server_open(struct stream *stream, int listener, struct evhttp **ret,
                 struct error *err)
{
    struct evhttp *http = evhttp_new(stream->base);

    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                         EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
    evhttp_set_max_headers_size(http, HEADERS_MOST);
    evhttp_set_max_body_size(http, BODY_MOST);
    evhttp_set_gencb(http, on_request, stream);
    if (evhttp_accept_socket(http, listener) < 0) {
        evhttp_free(http);
        return error_set(err, ERROR_UNAVAILABLE, "listen_failed",
                         "cannot accept connections");
    }
    *ret = http;
    return true;
}

/* What is written is sent in a turn of the loop that waits for nothing. */
void server_close(struct stream *stream, struct evhttp *http)
{
    wheel_end_all(stream->wheel);
    event_base_loop(stream->base, EVLOOP_NONBLOCK);
    evhttp_free(http);
}
