#include "handlers.h"
#include "job_write.h"
#include "prefer.h"

static bool find(struct request *req, struct db **ret_db, struct job *ret,
                 struct error *err)
{
    const char *id;

    return http_id(req, &id, err) && http_db(req, ret_db, err) &&
           job_by_id(*ret_db, req, id, http_owner(req), ret, err);
}

/* The job as it is; where the client prefers to wait, as it is then. */
static bool find_late(struct request *req, struct response *res,
                      struct db **ret_db, struct job *ret, struct error *err)
{
    if (!find(req, ret_db, ret, err))
        return false;
    if (job_is_final(ret) || !prefer_seconds(req->prefer))
        return true;
    prefer_wait(req, res, ret->id);
    return find(req, ret_db, ret, err);
}

bool get_job(struct request *req, struct response *res, struct error *err)
{
    struct job job;
    struct db *db;

    return find_late(req, res, &db, &job, err) &&
           job_send(req, res, db, &job, err);
}

bool get_job_status(struct request *req, struct response *res,
                    struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct job job;
    struct db *db;

    if (!find_late(req, res, &db, &job, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", job.id);
    json_add_string(out, "status", job.status);
    json_add_string(out, "state", job.state);
    json_add_int(out, "progress", job.progress);
    json_may_string(out, "message", job.message);
    json_add_int(out, "attempt", job.attempt);
    json_add_int(out, "maxAttempts", job.max_attempts);
    json_may_raw(out, "error", job.error);
    json_end(out);
    http_send(res, 200, out);
    return true;
}
