#include "sink.h"

#include <errno.h>
#include <stdbool.h>
#include <talloc.h>
#include <unistd.h>

#define FIRST_SIZE 4096
/* Room that was needed once for a large payload is given back. */
#define KEEP_SIZE (256 * 1024)

struct sink {
    int fd; /* -1 when closed */
    struct event *writable;
    struct buf out;
    size_t sent; /* of `out` */
    bool closing;
};

static void sink_end(struct sink *sink)
{
    if (sink->fd < 0)
        return;
    event_free(sink->writable);
    close(sink->fd);
    sink->fd = -1;
}

static int sink_done(struct sink *sink)
{
    sink_end(sink);
    return 0;
}

static void empty(struct sink *sink)
{
    sink->out.len = sink->sent = 0;
    if (sink->out.size > KEEP_SIZE) {
        talloc_free(sink->out.data);
        buf_init(&sink->out, sink, FIRST_SIZE);
    }
}

/* Write until nothing is left or nothing goes; false when the reader is gone.
 */
static bool write_some(struct sink *sink)
{
    while (sink->sent < sink->out.len) {
        ssize_t n = write(sink->fd, sink->out.data + sink->sent,
                          sink->out.len - sink->sent);

        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            sink->sent += (size_t)n;
    }
    return true;
}

void sink_flush(struct sink *sink)
{
    bool reader = sink->fd >= 0 && write_some(sink);

    if (reader && sink->sent < sink->out.len) {
        event_add(sink->writable, NULL);
        return;
    }
    empty(sink);
    if (!reader || sink->closing)
        sink_end(sink);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    sink_flush(arg);
}

struct sink *sink_open(void *mem, struct event_base *base, int fd)
{
    struct sink *sink = talloc_zero(mem, struct sink);

    sink->fd = fd;
    sink->writable = event_new(base, fd, EV_WRITE, on_writable, sink);
    buf_init(&sink->out, sink, FIRST_SIZE);
    talloc_set_destructor(sink, sink_done);
    return sink;
}

struct buf *sink_room(struct sink *sink)
{
    return &sink->out;
}

void sink_close(struct sink *sink)
{
    sink->closing = true;
    sink_flush(sink);
}
