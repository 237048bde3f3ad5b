#ifndef API_API_H
#define API_API_H

#include "conf.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What all requests share. Each part has a lock of its own; the rest is fixed
 * before the first request. */
struct api {
    const struct conf *conf;
    bool plain_cgi; /* one request, from the environment */
    struct pool *pool;
    struct auth *auth;
    struct committer
        *committer;          /* NULL as plain CGI: posts are stored inline */
    struct waiters *waiters; /* NULL as plain CGI: nobody waits */
    atomic_int trials; /* connections that are being tested */
};

#endif
