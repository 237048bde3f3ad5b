#include "api.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "route.h"
#include "url.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <talloc.h>

/* The one place where an error's kind becomes an HTTP status. */
static const int statuses[] = {
    [ERROR_NONE] = 200,        [ERROR_INVALID] = 400,
    [ERROR_DENIED] = 401,      [ERROR_FORBIDDEN] = 403,
    [ERROR_NOT_FOUND] = 404,   [ERROR_NOT_ALLOWED] = 405,
    [ERROR_CONFLICT] = 409,    [ERROR_TOO_LARGE] = 413,
    [ERROR_MEDIA] = 415,       [ERROR_MISMATCH] = 422,
    [ERROR_TOO_MANY] = 429,    [ERROR_BUSY] = 503,
    [ERROR_UNAVAILABLE] = 503, [ERROR_NO_SPACE] = 507,
    [ERROR_INTERNAL] = 500,
};

#define LOG_PAUSE_MS     1000 /* between lines about what is unavailable */
#define STANDARD_PAUSE_S 2

void http_header(struct request *req, struct response *res, const char *name,
                 const char *value)
{
    char *copy = talloc_strdup(req, value);

    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    assert(res->header_count < HTTP_MAX_HEADERS);
    res->headers[res->header_count++] = (struct http_header){name, copy};
}

void http_send(struct response *res, int status, struct json_out *out)
{
    res->status = status;
    res->body = json_out_text(out, &res->body_len);
}

bool http_done(struct request *req, struct response *res)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

/* filename= for old clients: ASCII without what would need quoting. */
static char *plain_name(void *mem, const char *name)
{
    char *plain = talloc_strdup(mem, name);

    for (char *c = plain; *c; c++)
        if (*c < 0x20 || *c == 0x7f || strchr("\"\\%/", *c))
            *c = '_';
    return plain;
}

void http_send_file(struct request *req, struct response *res, const char *path,
                    const char *name, const char *content_type)
{
    res->content_type = content_type;
    http_header(req, res, "Content-Disposition",
                talloc_asprintf(req,
                                "attachment; filename=\"%s\"; "
                                "filename*=UTF-8''%s",
                                plain_name(req, name), url_encode(req, name)));
    http_header(req, res, "X-Content-Type-Options", "nosniff");
    if (!req->api->plain_cgi) {
        http_header(
            req, res, "X-Accel-Redirect",
            talloc_asprintf(req, "/-/millrace/%s", url_encode_path(req, path)));
        return;
    }
    http_header(req, res, "Cache-Control", "private, no-cache");
    res->file = talloc_asprintf(req, "%s/%s", req->api->conf->data_dir, path);
}

/* While the database is away or the disk is full each request fails: one line a
 * second says so. */
static bool worth_a_line(enum error_kind kind)
{
    static _Atomic int64_t last = INT64_MIN / 2;
    int64_t now = clock_mono_ms(), before = atomic_load(&last);

    if (kind == ERROR_INTERNAL)
        return true;
    return (kind == ERROR_UNAVAILABLE || kind == ERROR_NO_SPACE) &&
           now - before >= LOG_PAUSE_MS &&
           atomic_compare_exchange_strong(&last, &before, now);
}

static void log_failure(const struct request *req, const struct error *err)
{
    if (worth_a_line(err->kind))
        log_facts(err->kind == ERROR_INTERNAL ? LOG_LEVEL_ERROR
                                              : LOG_LEVEL_WARN,
                  err->text, "method", req->method, "path", req->path, "code",
                  err->code, NULL);
}

/* Whether the same request may work later, by itself. */
static bool passes(enum error_kind kind)
{
    return kind == ERROR_UNAVAILABLE || kind == ERROR_BUSY ||
           kind == ERROR_TOO_MANY;
}

/* What the failure asks for beside the body. */
static void failure_headers(struct request *req, struct response *res,
                            const struct error *err)
{
    int seconds = err->retry_after_s ? err->retry_after_s : STANDARD_PAUSE_S;

    if (err->kind == ERROR_DENIED)
        http_header(req, res, "WWW-Authenticate", "Bearer");
    if (err->kind == ERROR_NOT_ALLOWED)
        http_header(req, res, "Allow", route_methods(req));
    if (passes(err->kind))
        http_header(req, res, "Retry-After", db_int(req, seconds));
}

void http_fail(struct request *req, struct response *res,
               const struct error *err)
{
    bool ours = err->kind == ERROR_INTERNAL || err->kind == ERROR_NONE;
    struct json_out *out = json_out_new(req);

    log_failure(req, err);
    *res = (struct response){.details = res->details};
    failure_headers(req, res, err);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", false);
    json_begin_object(out, "error");
    json_add_string(out, "code", ours ? "internal_error" : err->code);
    json_add_string(out, "message",
                    ours ? "something went wrong here; it has been logged"
                         : err->text);
    json_may_raw(out, "details", res->details);
    json_end(out);
    json_end(out);
    http_send(res, ours ? 500 : statuses[err->kind], out);
}
