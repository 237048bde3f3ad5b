#ifndef STREAM_MESSAGE_H
#define STREAM_MESSAGE_H

#include <event2/buffer.h>
#include <stdbool.h>

/*
 * A piece of a stream that any number of connections send without a copy of
 * their own. It lives until the last of them has sent it.
 */
struct message;

/* The line of its id (NULL: none) and the body; held by the caller. */
struct message *message_new(const char *id, const char *body);

/* The caller needs it no more; NULL is taken. */
void message_release(struct message *message);

/* Send it, as a chunk of HTTP/1.1 or plain: straight to the socket where
 * nothing waits in `out` before it; what the socket does not take waits. */
void message_send(struct message *message, int fd, struct evbuffer *out,
                  bool chunked);

#endif
