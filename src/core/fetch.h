#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include "error.h"

#include <stddef.h>

/*
 * HTTP and HTTPS as a client; the one place that knows libcurl. Blocking; a
 * handle keeps its connection from one request to the next, and serves one
 * thread. Redirects are not followed: the answer is what the URL's server says.
 */
struct fetch;

/* Gets what comes of a good answer's body, piece by piece; false ends it. */
typedef bool fetch_fn(const char *data, size_t len, void *arg);

struct fetch_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", NULL at the end; or NULL */
    const char *body;           /* NULL: none */
    size_t body_len;
    int timeout_ms;    /* for the whole; 0: none */
    int silence_ms;    /* without a byte: given up; 0: no limit */
    fetch_fn *on_body; /* of a status below 300: instead of keeping the body */
    void *arg;
};

/* Lives on the context of the request. Text that is lacking is "". */
struct fetch_answer {
    int status;
    const char *content_type, *retry_after;
    const char *body; /* ends with a zero byte */
    size_t body_len;
};

struct fetch *fetch_new(void *mem);

/*
 * Send and take the answer, whatever its status. ERROR_UNAVAILABLE unreachable
 * where there was none, or it broke off; ERROR_INVALID invalid_url. An answer
 * that on_body has ended is whole.
 */
bool fetch_send(struct fetch *fetch, void *mem, const struct fetch_request *req,
                struct fetch_answer *ret, struct error *err) MUST_CHECK;

#endif
