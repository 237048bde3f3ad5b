#include "handlers.h"
#include "job.h"
#include "owned.h"
#include "schedule_write.h"

#include <talloc.h>

bool delete_schedule(struct request *req, struct response *res,
                     struct error *err)
{
    const char *owner;
    struct db *db;

    return owned_by(req, "schedules", &owner, err) && http_db(req, &db, err) &&
           schedule_delete(db, owner, req->params[0], err) &&
           http_done(req, res);
}

static bool pause_or_resume(struct request *req, struct response *res,
                            bool pause, struct error *err)
{
    const char *owner;
    struct db *db;

    if (!owned_by(req, "schedules", &owner, err) || !http_db(req, &db, err) ||
        !schedule_pause(db, owner, req->params[0], pause, err) ||
        !schedule_send(req, res, 200, db, owner, req->params[0], err))
        return false;
    schedule_ring(req);
    return true;
}

bool pause_schedule(struct request *req, struct response *res,
                    struct error *err)
{
    return pause_or_resume(req, res, true, err);
}

bool resume_schedule(struct request *req, struct response *res,
                     struct error *err)
{
    return pause_or_resume(req, res, false, err);
}

static void send_job(struct request *req, struct response *res,
                     const struct job *job)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "type", job->type);
    json_add_string(out, "status", job->status);
    json_add_string(out, "state", job->state);
    json_end(out);
    http_header(req, res, "Location",
                talloc_asprintf(req, "/api/jobs/%s", job->id));
    http_send(res, 202, out);
}

bool run_schedule(struct request *req, struct response *res, struct error *err)
{
    const char *owner, *id;
    struct job job;
    struct db *db;

    if (!owned_by(req, "schedules", &owner, err) || !http_db(req, &db, err) ||
        !schedule_run_now(db, req, owner, req->params[0], &id, err) ||
        !job_by_id(db, req, id, NULL, &job, err))
        return false;
    schedule_ring(req);
    send_job(req, res, &job);
    return true;
}
