#ifndef WORKER_PUSH_REQUEST_H
#define WORKER_PUSH_REQUEST_H

#include "attempt.h"

#include "error.h"
#include "fetch.h"

/*
 * What is sent for an attempt, on `mem`: Millrace-Signature is "v1=" and, in
 * hex, the HMAC-SHA256 of Millrace-Timestamp, a dot, and the body. Takes the
 * payload. ERROR_UNAVAILABLE secret_unreadable.
 */
bool push_request(void *mem, struct attempt *attempt, const char *url,
                  int64_t now_ms, struct fetch_request *ret,
                  struct error *err) MUST_CHECK;

/* Where it goes, by the type or the payload, on `mem`. ERROR_INVALID
 * invalid_url. */
bool push_url(void *mem, const struct attempt *attempt, const char **ret,
              struct error *err) MUST_CHECK;

/* The scheme, host and port of a URL, on `mem`. */
char *push_host(void *mem, const char *url);

/* HMAC-SHA256 in hex, on `mem`, of texts one after another; NULL at the end. */
char *push_sign(void *mem, const char *key, size_t key_len, ...);

#endif
