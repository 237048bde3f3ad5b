#include "reply.h"

#include "json.h"
#include "log.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <talloc.h>

static const struct {
    int status;
    const char *reason;
} statuses[] = {
    [ERROR_INVALID] = {400, "Bad Request"          },
    [ERROR_NOT_FOUND] = {404, "Not Found"            },
    [ERROR_NOT_ALLOWED] = {405, "Method Not Allowed"   },
    [ERROR_UNAVAILABLE] = {503, "Service Unavailable"  },
    [ERROR_INTERNAL] = {500, "Internal Server Error"},
};

/* What goes wrong within is logged, not told. */
static const char *public_text(const struct error *err)
{
    switch (err->kind) {
    case ERROR_UNAVAILABLE:
        return "the database cannot be reached; try again";
    case ERROR_INTERNAL:
        return "something went wrong here";
    default:
        return err->text;
    }
}

static void add_json(struct evbuffer *body, const struct error *err)
{
    struct json_out *out = json_out_new(NULL);
    size_t len;
    const char *text;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", false);
    json_begin_object(out, "error");
    json_add_string(out, "code", err->code);
    json_add_string(out, "message", public_text(err));
    json_end(out);
    json_end(out);
    text = json_out_text(out, &len);
    evbuffer_add(body, text, len);
    talloc_free(out);
}

void reply_error(struct evhttp_request *req, const struct error *err)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();
    enum error_kind kind = err->kind;

    if (kind >= sizeof(statuses) / sizeof(*statuses) || !statuses[kind].status)
        kind = ERROR_INTERNAL;
    if (kind == ERROR_INTERNAL)
        log_err("%s", err->text);
    if (kind == ERROR_UNAVAILABLE)
        evhttp_add_header(headers, "Retry-After", "2");
    if (kind == ERROR_NOT_ALLOWED)
        evhttp_add_header(headers, "Allow", "GET");
    evhttp_add_header(headers, "Content-Type", "application/json");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close");

    add_json(body, err);
    evhttp_send_reply(req, statuses[kind].status, statuses[kind].reason, body);
    evbuffer_free(body);
}
