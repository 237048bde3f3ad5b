/*
 * Any request line and query string, the first line of the input, with any
 * headers, a line each: the whole way from CGI's variables to the bytes of the
 * answer. No database is there, and no token comes, so what a route needs a
 * caller for ends at 401; its arguments are read beforehand by hand.
 */
#include "api.h"
#include "auth.h"
#include "log.h"
#include "reply.h"
#include "route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define MAX_LINES 8

static const char *const names[MAX_LINES] = {
    "REQUEST_URI", "QUERY_STRING", "REQUEST_METHOD",      "CONTENT_TYPE",
    "HTTP_PREFER", "HTTP_COOKIE",  "HTTP_SEC_FETCH_SITE", "CONTENT_LENGTH",
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static int no_body(void *source, char *into, int size)
{
    (void)source, (void)into, (void)size;
    return 0;
}

/* No header of ours has a line's end in it: each has its colon. */
static bool check_head(void *sink, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);

    (void)sink;
    must(len > 8 && !memcmp(data, "Status: ", 8) && end);
    for (const char *line = data; line < end;) {
        const char *next = memmem(line, len - (size_t)(line - data), "\r\n", 2);

        must(memmem(line, (size_t)(next - line), ": ", 2));
        must(!memchr(line, '\n', (size_t)(next - line)));
        line = next + 2;
    }
    return true;
}

/* The arguments of the route, if there is one. */
static void read_args(void *mem, struct api *api, char *const *env)
{
    struct request *req = http_request_new(mem, api, env, no_body, NULL);
    const struct route *route;
    struct error err = {0};

    if (!route_find(req, &route, &err)) {
        must(err.kind != ERROR_NONE && err.code && *err.text);
        return;
    }
    if (!route_read_args(req, route, &err))
        must(err.kind == ERROR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf = {.data_dir = "/data", .max_body = 4096};
    struct api api = {.conf = &conf};
    void *mem = talloc_new(NULL);
    const char *at = talloc_strndup(mem, (const char *)data, size);
    char *env[MAX_LINES + 1] = {NULL};
    struct response res = {0};
    struct request *req;

    log_open("fuzz_route", LOG_LEVEL_ERROR);
    for (int i = 0; i < MAX_LINES && *at; i++) {
        size_t len = strcspn(at, "\n");

        env[i] = talloc_asprintf(mem, "%s=%.*s", names[i], (int)len, at);
        at += len;
        at += *at == '\n';
    }
    api.auth = auth_new(mem);
    read_args(mem, &api, env);

    req = http_request_new(mem, &api, env, no_body, NULL);
    /* This one asks the database, which is not there. */
    if (!strstr(req->path, "readyz") && !auth_cookie(req)) {
        http_serve(req, &res);
        reply_send(req, &res, check_head, NULL);
    }
    talloc_free(mem);
    return 0;
}
