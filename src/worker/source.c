#include "source.h"

#include <errno.h>
#include <stdbool.h>
#include <talloc.h>
#include <unistd.h>

/* What a pipe holds, so that one read empties it. */
#define READ_SIZE 65536

struct source {
    int fd; /* -1 after the end */
    struct event *readable;
    source_fn *on_data;
    void *arg;
    struct source *first; /* read before this one; NULL: none */
};

static void source_end(struct source *source)
{
    if (source->fd < 0)
        return;
    event_free(source->readable);
    close(source->fd);
    source->fd = -1;
}

static int source_done(struct source *source)
{
    source_end(source);
    return 0;
}

/* Read once; whether there may be more. All sources share the room, since
 * nobody keeps what is in it. */
static bool read_some(struct source *source)
{
    static char room[READ_SIZE];
    ssize_t n = read(source->fd, room, sizeof(room));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    if (n <= 0) {
        source_end(source);
        source->on_data(room, 0, source->arg);
        return false;
    }
    source->on_data(room, (size_t)n, source->arg);
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct source *source = arg;

    (void)fd, (void)what;
    if (source->first)
        source_drain(source->first);
    read_some(source);
}

struct source *source_open(void *mem, struct event_base *base, int fd,
                           source_fn *on_data, void *arg)
{
    struct source *source = talloc_zero(mem, struct source);

    source->fd = fd;
    source->on_data = on_data;
    source->arg = arg;
    source->readable =
        event_new(base, fd, EV_READ | EV_PERSIST, on_readable, source);
    event_add(source->readable, NULL);
    talloc_set_destructor(source, source_done);
    return source;
}

void source_after(struct source *source, struct source *first)
{
    source->first = first;
}

void source_drain(struct source *source)
{
    while (source->fd >= 0 && read_some(source))
        ;
}
