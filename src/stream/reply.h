#ifndef STREAM_REPLY_H
#define STREAM_REPLY_H

#include "error.h"

struct evhttp_request;

/* Answer a request with an error's status and JSON, and close. */
void reply_error(struct evhttp_request *req, const struct error *err);

#endif
