#ifndef CORE_FETCH_MANY_H
#define CORE_FETCH_MANY_H

#include "fetch.h"

#include <event2/event.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * HTTP and HTTPS as a client in an event loop (libevent): many requests under
 * way at once. Connections are kept and used again; over TLS, requests share
 * one where the server speaks HTTP/2. Certificates are verified. Redirects are
 * not followed, and no proxy is asked, whatever the environment says.
 */
struct fetch_many;

/* A request under way. */
struct fetch_one;

struct fetch_many_options {
    int connections;     /* so many are kept */
    int64_t connect_ms;  /* until one must be there, TLS included */
    size_t max_body;     /* bytes of an answer */
    const char *ca_file; /* NULL: the system's */
    /* Whether a connection to this address may be made: asked with what the
     * name was resolved to, at the moment of connecting. */
    bool (*may_connect)(const struct sockaddr *address, void *arg);
    void *arg;
};

/* The text in `options` must outlive it. Requests that are under way when it is
 * freed are dropped. */
struct fetch_many *fetch_many_new(void *mem, struct event_base *base,
                                  const struct fetch_many_options *options);

/*
 * The end of a request: `answer` is NULL and `err` set where there was none.
 * ERROR_UNAVAILABLE: unknown_host, connect_failed, connect_timeout, tls_failed,
 * connection_lost (it may have been acted on). ERROR_FORBIDDEN address_refused:
 * no address of the host may be connected to. ERROR_INVALID invalid_url.
 * ERROR_TOO_LARGE answer_too_large. Both live only during the call.
 */
typedef void fetch_end_fn(const struct fetch_answer *answer,
                          const struct error *err, void *arg);

/* Send a request; the end is told from the loop, never from this call. What
 * `req` points to must last until then, but for the headers. */
struct fetch_one *fetch_many_send(struct fetch_many *many,
                                  const struct fetch_request *req,
                                  fetch_end_fn *done, void *arg);

/* Give a request up: its stream or its connection is closed, nobody is told. */
void fetch_many_drop(struct fetch_one *one);

#endif
