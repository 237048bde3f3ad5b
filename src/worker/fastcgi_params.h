#ifndef WORKER_FASTCGI_PARAMS_H
#define WORKER_FASTCGI_PARAMS_H

#include "attempt.h"
#include "buf.h"

/* Add the whole request for an attempt, to its last byte. */
void fastcgi_add_request(struct buf *out, const struct attempt *attempt);

#endif
