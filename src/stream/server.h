#ifndef STREAM_SERVER_H
#define STREAM_SERVER_H

#include "stream.h"

struct evhttp;

/* Serve HTTP on a listening socket: the routes of this daemon. */
bool server_open(struct stream *stream, int listener, struct evhttp **ret,
                 struct error *err) MUST_CHECK;

/* End all streams in good order and close. */
void server_close(struct stream *stream, struct evhttp *http);

#endif
