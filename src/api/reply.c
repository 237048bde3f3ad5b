#include "reply.h"
#include "buf.h"
#include "log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define CHUNK 65536

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"                    },
    {201, "Created"               },
    {202, "Accepted"              },
    {204, "No Content"            },
    {400, "Bad Request"           },
    {401, "Unauthorized"          },
    {403, "Forbidden"             },
    {404, "Not Found"             },
    {405, "Method Not Allowed"    },
    {409, "Conflict"              },
    {413, "Content Too Large"     },
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content" },
    {429, "Too Many Requests"     },
    {500, "Internal Server Error" },
    {502, "Bad Gateway"           },
    {503, "Service Unavailable"   },
    {507, "Insufficient Storage"  },
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "";
}

static void add_line(struct buf *head, const char *name, const char *value)
{
    buf_add_text(head, name);
    buf_add_text(head, ": ");
    buf_add_text(head, value);
    buf_add_text(head, "\r\n");
}

/* The header lines. Answers are one caller's and of one moment, so nobody shall
 * keep them; files say for themselves. */
static void add_head(struct buf *head, const struct response *res,
                     int64_t length)
{
    int status = res->status ? res->status : 200;
    char text[64];

    snprintf(text, sizeof(text), "%d %s", status, phrase_of(status));
    add_line(head, "Status", text);
    if (length > 0 || res->content_type)
        add_line(head, "Content-Type",
                 res->content_type ? res->content_type : "application/json");
    snprintf(text, sizeof(text), "%" PRId64, length);
    if (status != 204)
        add_line(head, "Content-Length", text);
    if (!res->content_type)
        add_line(head, "Cache-Control", "no-store");
    for (int i = 0; i < res->header_count; i++)
        add_line(head, res->headers[i].name, res->headers[i].value);
    buf_add_text(head, "\r\n");
}

/* A small body goes out together with its head. */
static void send_body(struct request *req, const struct response *res,
                      reply_fn *write, void *sink)
{
    struct buf out;

    buf_init(&out, req, 512 + (res->body_len < CHUNK ? res->body_len : 0));
    add_head(&out, res, (int64_t)res->body_len);
    if (req->head || res->body_len >= CHUNK) {
        if (write(sink, out.data, out.len) && !req->head)
            write(sink, res->body, res->body_len);
        return;
    }
    buf_add(&out, res->body ? res->body : "", res->body_len);
    write(sink, out.data, out.len);
}

static bool send_bytes(struct request *req, int fd, reply_fn *write, void *sink)
{
    char *chunk = talloc_size(req, CHUNK);
    ssize_t count;

    while ((count = read(fd, chunk, CHUNK)) > 0)
        if (!write(sink, chunk, (size_t)count))
            return true;
    return count == 0;
}

static void send_file(struct request *req, const struct response *res,
                      reply_fn *write, void *sink)
{
    int fd = open(res->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct response gone = {0};
    struct stat st;
    struct buf head;

    if (fd < 0 || fstat(fd, &st) < 0) {
        struct error err;

        error_set(&err, ERROR_NOT_FOUND, "file_gone",
                  "the file is not kept any more");
        log_warn("cannot open %s: %m", res->file);
        http_fail(req, &gone, &err);
        send_body(req, &gone, write, sink);
        return;
    }
    buf_init(&head, req, 512);
    add_head(&head, res, st.st_size);
    if (write(sink, head.data, head.len) && !req->head &&
        !send_bytes(req, fd, write, sink))
        log_warn("cannot read %s: %m", res->file);
    close(fd);
}

void reply_send(struct request *req, const struct response *res,
                reply_fn *write, void *sink)
{
    if (res->file)
        send_file(req, res, write, sink);
    else
        send_body(req, res, write, sink);
}
