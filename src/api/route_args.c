#include "route.h"
#include "url.h"

#include <assert.h>
#include <string.h>
#include <talloc.h>

/* Whether it is one of the words in route->args. */
static bool knows(const struct route *route, const char *arg)
{
    size_t len = strlen(arg);

    for (const char *at = route->args; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");

        if (word == len && !memcmp(at, arg, len))
            return true;
        at += word;
    }
    return false;
}

static bool add_arg(struct request *req, const struct route *route,
                    const char *text, size_t len, struct error *err)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    size_t skip = equals ? name_len + 1 : len;
    char *name, *value;

    if (!url_decode(req, text, name_len, true, &name, err) ||
        !url_decode(req, text + skip, len - skip, true, &value, err))
        return false;
    if (!knows(route, name))
        return error_set(err, ERROR_INVALID, "unknown_parameter",
                         "there is no parameter \"%.80s\" here; known: %s",
                         name, *route->args ? route->args : "none");
    if (http_arg(req, name))
        return error_set(err, ERROR_INVALID, "duplicate_parameter",
                         "the parameter %s is given twice", name);
    /* Each of those that the route knows comes once. */
    assert(req->arg_count < HTTP_MAX_ARGS);
    req->args[req->arg_count++] = (struct http_arg){name, value};
    return true;
}

bool route_read_args(struct request *req, const struct route *route,
                     struct error *err)
{
    const char *at = req->query ? req->query : "";

    if (strlen(at) > HTTP_MAX_QUERY)
        return error_set(err, ERROR_INVALID, "query_too_long",
                         "the query string is longer than %d bytes",
                         HTTP_MAX_QUERY);
    req->args = talloc_array(req, struct http_arg, HTTP_MAX_ARGS);
    while (*at) {
        size_t len = strcspn(at, "&");

        if (len > 0 && !add_arg(req, route, at, len, err))
            return false;
        at += len;
        at += *at == '&';
    }
    return true;
}
