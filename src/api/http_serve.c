#include "api.h"
#include "auth.h"
#include "http.h"
#include "route.h"

/* A batch may be as large as this many ordinary bodies. */
#define BATCH_BODIES 64

/* For the form around a file; the file itself is measured as it is written. */
#define FORM_ROOM (1 << 20)

/* Who asks, where the route wants to know. */
static bool admit(struct request *req, const struct route *route,
                  struct error *err)
{
    if (route->need == NEED_NOBODY)
        return true;
    if (!auth_check(req, err))
        return false;
    if (route->need == NEED_ADMIN && req->caller.role != ROLE_ADMIN)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "this needs a token with the role admin");
    return true;
}

static int64_t body_limit(const struct conf *conf, enum route_body body)
{
    switch (body) {
    case BODY_BATCH:
        return conf->max_body * BATCH_BODIES;
    case BODY_FILE:
        return conf->max_upload + FORM_ROOM;
    case BODY_NONE:
    case BODY_JSON:
        break;
    }
    return conf->max_body;
}

static bool run(struct request *req, struct response *res, struct error *err)
{
    const struct route *route;

    if (!route_find(req, &route, err) || !admit(req, route, err) ||
        !route_read_args(req, route, err))
        return false;
    req->body.limit = body_limit(req->api->conf, route->body);
    return route->handler(req, res, err);
}

void http_serve(struct request *req, struct response *res)
{
    struct error err = {0};

    if (!run(req, res, &err))
        http_fail(req, res, &err);
    http_db_done(req);
}
