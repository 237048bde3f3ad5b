#ifndef STREAM_SSE_H
#define STREAM_SSE_H

#include "event.h"

/*
 * An event in the form of server-sent events, but for its id, which depends on
 * the stream: "event: progress\ndata: {...}\n\n", on `mem`.
 */
const char *sse_body(void *mem, const struct event *event);

#endif
