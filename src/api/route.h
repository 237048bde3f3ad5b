#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "http.h"

/* Who may use a route. */
enum route_need { NEED_NOBODY, NEED_USER, NEED_ADMIN };

/* How large a body may be. Where none is expected, what comes is read away. */
enum route_body { BODY_NONE, BODY_JSON, BODY_BATCH, BODY_FILE };

/*
 * To add a route: 1. its handler in an h_ file and in handlers.h, 2. a row in
 * route.c's table, 3. its path in doc/openapi.yaml. Patterns begin with /api
 * ("/api/v1" means the same, but for /api/v1/analysis); ":name" stands for one
 * whole segment that is not empty.
 */
struct route {
    const char *method;
    const char *pattern;
    handler_fn *handler;
    enum route_need need;
    enum route_body body;
    const char *args; /* the query arguments it knows: "cursor limit" */
};

extern const struct route routes[];
extern const size_t route_count;

/*
 * The route of a request; its params go into req->params. ERROR_NOT_FOUND
 * no_such_route, ERROR_NOT_ALLOWED method_not_allowed, ERROR_INVALID
 * invalid_path (a segment that decodes to nothing sensible).
 */
bool route_find(struct request *req, const struct route **ret,
                struct error *err) MUST_CHECK;

/* The methods of a path for the header Allow: "GET, HEAD, POST". */
const char *route_methods(struct request *req);

/*
 * Read the query string into req->args. ERROR_INVALID query_too_long,
 * unknown_parameter, duplicate_parameter, invalid_url.
 */
bool route_read_args(struct request *req, const struct route *route,
                     struct error *err) MUST_CHECK;

#endif
