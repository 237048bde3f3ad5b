#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };

struct bytes {
    char *at;
    size_t len, size;
};

struct channel {
    int in_fd, out_fd;
    struct bytes in, out;
    size_t pos;     /* in.at[0..pos) has been given out as lines */
    size_t scanned; /* in.at[pos..scanned) has no newline */
};

/* Make room for more bytes. Out of memory ends the process; jobs return. */
static void reserve(struct bytes *b, size_t more)
{
    if (b->size - b->len >= more)
        return;
    b->size = b->size * 2 > b->len + more ? b->size * 2 : b->len + more;
    b->at = realloc(b->at, b->size);
    if (!b->at)
        abort();
}

struct channel *channel_open(int in, int out)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    if (!channel)
        abort();
    channel->in_fd = in;
    channel->out_fd = out;
    return channel;
}

void channel_close(struct channel *channel)
{
    if (!channel)
        return;
    free(channel->in.at);
    free(channel->out.at);
    free(channel);
}

/* Move the unfinished line to the front, over the lines that are done. */
static void forget_lines(struct channel *channel)
{
    struct bytes *in = &channel->in;

    if (channel->pos == 0)
        return;
    in->len -= channel->pos;
    channel->scanned -= channel->pos;
    memmove(in->at, in->at + channel->pos, in->len);
    channel->pos = 0;
}

bool channel_fill(struct channel *channel)
{
    struct bytes *in = &channel->in;
    ssize_t got;

    forget_lines(channel);
    reserve(in, PIECE);
    do {
        got = read(channel->in_fd, in->at + in->len, in->size - in->len);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    in->len += (size_t)got;
    return true;
}

char *channel_line(struct channel *channel, size_t *ret_len)
{
    struct bytes *in = &channel->in;
    char *line, *end;

    if (channel->scanned == in->len)
        return NULL;
    end = memchr(in->at + channel->scanned, '\n', in->len - channel->scanned);
    if (!end) {
        channel->scanned = in->len;
        return NULL;
    }
    line = in->at + channel->pos;
    *ret_len = (size_t)(end - line);
    channel->pos = channel->scanned = (size_t)(end + 1 - in->at);
    return line;
}

void channel_put(struct channel *channel, const char *text, size_t len)
{
    reserve(&channel->out, len);
    memcpy(channel->out.at + channel->out.len, text, len);
    channel->out.len += len;
}

bool channel_flush(struct channel *channel)
{
    struct bytes *out = &channel->out;
    size_t done = 0;

    while (done < out->len) {
        ssize_t n = write(channel->out_fd, out->at + done, out->len - done);

        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    out->len = 0;
    return true;
}
