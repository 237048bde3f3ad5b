#ifndef CLI_TRANSPORT_H
#define CLI_TRANSPORT_H

#include "conf.h"
#include "fetch.h"

#include <jansson.h>

/*
 * How a request of the API gets its answer: by HTTP with a token, or from
 * millrace-api itself, started for this one request as a child that works on
 * the database. Both answer alike.
 */

/* A request. All that is NULL is not sent. */
struct ask {
    const char *method, *path;
    const char *body;                /* JSON */
    const char *file, *content_type; /* this file is the body instead */
    const char *idempotency_key;
};

/* Lives on the context of the request. */
struct answer {
    int status;
    const char *body; /* ends with a zero byte */
    size_t len;
    const char *retry_after; /* "" where there is none */
    json_t *json;            /* NULL where it is not JSON */
};

struct transport {
    const char *place; /* for messages: the URL, or "the database" */
    bool (*send)(struct transport *transport, void *mem, const struct ask *ask,
                 struct answer *ret, struct error *err);
};

struct transport *transport_http(void *mem, const char *url, const char *token);

/* `config`: the file of settings that the child shall read too, or NULL;
 * `user`: in whose name it acts, as an admin. */
struct transport *transport_cgi(void *mem, const struct conf *conf,
                                const char *config, const char *user);

/*
 * A stream of events over HTTP from behind the event `last` (or NULL): until
 * the server ends it or `on_body` does. *ret_status is the answer's.
 */
bool transport_stream(struct transport *transport, const char *path,
                      const char *last, int silence_ms, fetch_fn *on_body,
                      void *arg, int *ret_status, struct error *err) MUST_CHECK;

/* Whether the transport is HTTP, and so has streams. */
bool transport_has_streams(const struct transport *transport);

#endif
