#include "transport.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

/* An answer may take this long; a stream has no end. */
#define ANSWER_MS 60000

struct http {
    struct transport base;
    const char *url, *bearer; /* the URL has no slash at its end */
    struct fetch *fetch;
};

#define MAX_LINES 8

/* A file as a body, mapped: it may be larger than there is memory. */
struct mapping {
    void *data;
    size_t len;
};

static int unmap(struct mapping *mapping)
{
    if (mapping->len > 0)
        munmap(mapping->data, mapping->len);
    return 0;
}

static bool map_file(void *mem, const char *path, struct mapping **ret,
                     struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct mapping *mapping = talloc_zero(mem, struct mapping);
    struct stat st;
    bool ok;

    ok = fd >= 0 && fstat(fd, &st) == 0;
    if (ok && st.st_size > 0) {
        mapping->data =
            mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ok = mapping->data != MAP_FAILED;
        mapping->len = ok ? (size_t)st.st_size : 0;
    }
    if (!ok)
        error_set(err, ERROR_INVALID, "unreadable", "cannot read %s: %m", path);
    if (fd >= 0)
        close(fd);
    talloc_set_destructor(mapping, unmap);
    *ret = mapping;
    return ok;
}

/* The headers of a request, NULL at the end. */
static const char **headers_of(void *mem, const struct http *http,
                               const struct ask *ask)
{
    const char **lines = talloc_zero_array(mem, const char *, MAX_LINES);
    int count = 0;

    lines[count++] = http->bearer;
    lines[count++] = "Accept: application/json";
    if (ask->file)
        lines[count++] = talloc_asprintf(
            lines, "Content-Type: %s",
            ask->content_type ? ask->content_type : "application/octet-stream");
    else if (ask->body)
        lines[count++] = "Content-Type: application/json";
    if (ask->idempotency_key)
        lines[count++] =
            talloc_asprintf(lines, "Idempotency-Key: %s", ask->idempotency_key);
    return lines;
}

static bool send_http(struct transport *transport, void *mem,
                      const struct ask *ask, struct answer *ret,
                      struct error *err)
{
    struct http *http = (struct http *)transport;
    struct fetch_request req = {
        .method = ask->method,
        .url = talloc_asprintf(mem, "%s%s", http->url, ask->path),
        .headers = headers_of(mem, http, ask),
        .body = ask->body,
        .body_len = ask->body ? strlen(ask->body) : 0,
        .timeout_ms = ask->file ? 0 : ANSWER_MS,
        .silence_ms = ANSWER_MS,
    };
    struct fetch_answer answer;
    struct mapping *mapping;

    if (ask->file) {
        if (!map_file(mem, ask->file, &mapping, err))
            return false;
        req.body = mapping->len ? mapping->data : "";
        req.body_len = mapping->len;
    }
    if (!fetch_send(http->fetch, mem, &req, &answer, err))
        return false;
    *ret = (struct answer){.status = answer.status,
                           .body = answer.body,
                           .len = answer.body_len,
                           .retry_after = answer.retry_after};
    return true;
}

struct transport *transport_http(void *mem, const char *url, const char *token)
{
    struct http *http = talloc_zero(mem, struct http);
    size_t len = strlen(url);

    while (len > 0 && url[len - 1] == '/')
        len--;
    http->url = talloc_strndup(http, url, len);
    http->base = (struct transport){.place = http->url, .send = send_http};
    http->bearer = talloc_asprintf(http, "Authorization: Bearer %s", token);
    http->fetch = fetch_new(http);
    return &http->base;
}

bool transport_has_streams(const struct transport *transport)
{
    return transport->send == send_http;
}

bool transport_stream(struct transport *transport, const char *path,
                      const char *last, int silence_ms, fetch_fn *on_body,
                      void *arg, int *ret_status, struct error *err)
{
    const struct http *http = (const struct http *)transport;
    void *mem = talloc_new(NULL);
    const char *headers[] = {
        http->bearer, "Accept: text/event-stream",
        last ? talloc_asprintf(mem, "Last-Event-ID: %s", last) : NULL, NULL};
    struct fetch_request req = {
        .method = "GET",
        .url = talloc_asprintf(mem, "%s%s", http->url, path),
        .headers = headers,
        .silence_ms = silence_ms,
        .on_body = on_body,
        .arg = arg,
    };
    struct fetch_answer answer;
    bool ok = fetch_send(http->fetch, mem, &req, &answer, err);

    if (ok)
        *ret_status = answer.status;
    talloc_free(mem);
    return ok;
}
