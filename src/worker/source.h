#ifndef WORKER_SOURCE_H
#define WORKER_SOURCE_H

#include <event2/event.h>
#include <stddef.h>

/*
 * The reading end of a pipe: hands on what comes, and the end as nothing
 * (len 0), once. The data is only there during the call.
 */
typedef void source_fn(const char *data, size_t len, void *arg);

struct source;

/* Takes the descriptor, which must not block. */
struct source *source_open(void *mem, struct event_base *base, int fd,
                           source_fn *on_data, void *arg);

/* From now on, whatever has come at `first` is read before what comes here. */
void source_after(struct source *source, struct source *first);

/* Read what is there now, to the end where that has come. */
void source_drain(struct source *source);

#endif
