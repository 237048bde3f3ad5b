#include "message.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <talloc.h>

#define CHUNK_END "\r\n"

struct message {
    int holders;
    size_t head; /* of the chunk's size, before the plain text */
    size_t len;  /* of the plain text; CHUNK_END follows it */
    char text[];
};

struct message *message_new(const char *id, const char *body)
{
    size_t id_len = id ? strlen("id: \n") + strlen(id) : 0;
    size_t len = id_len + strlen(body);
    size_t size = sizeof("ffffffffffffffff\r\n") + len + sizeof(CHUNK_END);
    struct message *message = talloc_size(NULL, sizeof(struct message) + size);

    message->holders = 1;
    message->len = len;
    message->head = (size_t)snprintf(message->text, size, "%zx\r\n", len);
    snprintf(message->text + message->head, size - message->head,
             "%s%s%s%s" CHUNK_END, id ? "id: " : "", id ? id : "",
             id ? "\n" : "", body);
    return message;
}

void message_release(struct message *message)
{
    if (message && --message->holders == 0)
        talloc_free(message);
}

static void on_sent(const void *text, size_t len, void *arg)
{
    (void)text, (void)len;
    message_release(arg);
}

/* A system call for each connection is what a crowd costs; going through the
 * event loop would be four. Errors show when the rest is written. */
static size_t send_now(int fd, const char *text, size_t len)
{
    ssize_t sent = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    return sent > 0 ? (size_t)sent : 0;
}

void message_send(struct message *message, int fd, struct evbuffer *out,
                  bool chunked)
{
    const char *text = message->text + (chunked ? 0 : message->head);
    size_t len =
        message->len + (chunked ? message->head + strlen(CHUNK_END) : 0);
    size_t sent = evbuffer_get_length(out) == 0 ? send_now(fd, text, len) : 0;

    if (sent == len)
        return;
    message->holders++;
    if (evbuffer_add_reference(out, text + sent, len - sent, on_sent, message) <
        0)
        message_release(message);
}
