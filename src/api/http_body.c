#include "http.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

#define FIRST_ROOM 4096

static bool too_large(const struct request *req, struct error *err)
{
    return error_set(err, ERROR_TOO_LARGE, "body_too_large",
                     "the body is larger than %" PRId64 " bytes",
                     req->body.limit);
}

static bool incomplete(struct error *err)
{
    return error_set(err, ERROR_INVALID, "incomplete_body",
                     "the body ended before all of it was sent");
}

bool http_read(struct request *req, char *into, size_t size, size_t *ret_len,
               struct error *err)
{
    int count;

    if (req->body.length > req->body.limit)
        return too_large(req, err);
    *ret_len = 0;
    if (req->body.ended)
        return true;
    count = req->body.read(req->body.source, into,
                           size > INT32_MAX ? INT32_MAX : (int)size);
    if (count > 0) {
        req->body.taken += count;
        *ret_len = (size_t)count;
        return req->body.taken > req->body.limit ? too_large(req, err) : true;
    }
    req->body.ended = true;
    return count < 0 || req->body.taken < req->body.length ? incomplete(err)
                                                           : true;
}

bool http_text(struct request *req, struct error *err)
{
    size_t room = req->body.length > 0 && req->body.length <= req->body.limit
                      ? (size_t)req->body.length + 1
                      : FIRST_ROOM;
    char *text = talloc_size(req, room);
    size_t len = 0, count;

    do {
        if (room - len < 2)
            text = talloc_realloc_size(req, text, room *= 2);
        if (!http_read(req, text + len, room - len - 1, &count, err))
            return false;
        len += count;
    } while (count > 0);
    text[len] = '\0';
    req->text = text;
    req->text_len = len;
    return true;
}

/* "application/json", "application/problem+json", or nothing said. */
static bool is_json(const struct request *req)
{
    const char *type = req->content_type;
    size_t len = type ? strcspn(type, "; \t") : 0;

    return len == 0 || http_is_type(req, "application/json") ||
           (len > 5 && !strncasecmp(type + len - 5, "+json", 5));
}

static bool json_text(struct request *req, struct error *err)
{
    if (!is_json(req))
        return error_set(err, ERROR_MEDIA, "unsupported_media_type",
                         "the body must be application/json, not %.80s",
                         req->content_type);
    return http_text(req, err);
}

static bool parse_object(struct request *req, json_t **ret, struct error *err)
{
    json_t *json;

    if (!json_parse(req, req->text, req->text_len, &json, err))
        return false;
    if (!json_is_object(json))
        return error_set(err, ERROR_INVALID, "invalid_body",
                         "the body must be a JSON object");
    *ret = json;
    return true;
}

bool http_json(struct request *req, json_t **ret, struct error *err)
{
    return json_text(req, err) && parse_object(req, ret, err);
}

bool http_json_if_any(struct request *req, json_t **ret, struct error *err)
{
    *ret = NULL;
    return json_text(req, err) &&
           (req->text_len == 0 || parse_object(req, ret, err));
}
