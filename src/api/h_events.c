#include "batches.h"
#include "handlers.h"
#include "job.h"
#include "url.h"

#include <string.h>
#include <talloc.h>

/*
 * Event streams: this program says who may have one, and nginx goes on with
 * millrace-stream. Last-Event-ID as a header goes there with the request; as an
 * argument (EventSource cannot set headers on its first connection) it is
 * handed on here.
 */
static bool hand_over(struct request *req, struct response *res,
                      const char *stream, struct error *err)
{
    const char *last = http_arg(req, "lastEventId");

    if (last && (!*last || last[strspn(last, "0123456789:~,")]))
        return error_set(err, ERROR_INVALID, "invalid_parameter",
                         "lastEventId must be the id of an event");
    http_header(req, res, "X-Accel-Redirect",
                talloc_asprintf(req, "/-/millrace/stream/%s%s%s", stream,
                                last ? "?after=" : "", last ? last : ""));
    return true;
}

bool get_job_events(struct request *req, struct response *res,
                    struct error *err)
{
    const char *id;
    struct db *db;

    return http_id(req, &id, err) && http_db(req, &db, err) &&
           job_exists(db, id, http_owner(req), err) &&
           hand_over(req, res, talloc_asprintf(req, "jobs/%s", id), err);
}

bool get_batch_events(struct request *req, struct response *res,
                      struct error *err)
{
    const char *id;

    return http_id(req, &id, err) && batch_exists(req, id, err) &&
           hand_over(req, res, talloc_asprintf(req, "batches/%s", id), err);
}

/* all=1: those of everybody, for an admin. */
static bool wants_all(struct request *req, bool *ret, struct error *err)
{
    int64_t all;

    if (!http_arg_int(req, "all", 0, 1, 0, &all, err))
        return false;
    if (all && req->caller.role != ROLE_ADMIN)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "only an admin sees the events of all");
    *ret = all;
    return true;
}

bool get_events(struct request *req, struct response *res, struct error *err)
{
    bool all = false;

    if (!wants_all(req, &all, err))
        return false;
    return hand_over(req, res,
                     all ? "all"
                         : talloc_asprintf(req, "owners/%s",
                                           url_encode(req, req->caller.owner)),
                     err);
}
