#include "api.h"
#include "bell.h"
#include "handlers.h"
#include "job.h"
#include "job_member.h"
#include "job_write.h"
#include "post.h"
#include "queries.h"

#include <string.h>

static void ring(const struct request *req)
{
    bell_ring(req->api->conf->run_dir, "jobs");
    bell_ring(req->api->conf->run_dir, "events");
}

static void send_state(struct request *req, struct response *res, int status,
                       const char *simple, const char *state,
                       const char *message)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", req->params[0]);
    json_add_string(out, "status", simple);
    json_add_string(out, "state", state);
    json_may_string(out, "message", message);
    json_end(out);
    http_send(res, status, out);
}

bool cancel_job(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    struct db *db;
    bool running;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !job_cancel(db, id, http_owner(req), &running, err))
        return false;
    ring(req);
    if (running)
        send_state(req, res, 202, "processing", "active", "cancelling");
    else
        send_state(req, res, 200, "cancelled", "cancelled", NULL);
    return true;
}

bool retry_job(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    struct db *db;
    bool pending;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !job_retry(db, id, http_owner(req), &pending, err))
        return false;
    ring(req);
    send_state(req, res, 202, "pending", pending ? "pending" : "available",
               NULL);
    return true;
}

bool discard_job(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    const char *id;
    struct db *db;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !db_exec(db, SQL_JOB_DISCARD, DB_ARGS(id, http_owner(req)), NULL, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", req->params[0]);
    json_add_string(out, "message", "thrown away");
    json_end(out);
    http_send(res, 200, out);
    return true;
}

/* --- PATCH */

/* The members that may change, which are read as those of a new job. */
static bool may_change(const char *name)
{
    static const char *const names[] = {"priority", "runAt", "delay",
                                        "delayMs"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static bool read_members(struct reading *in, json_t *body,
                         const char **ret_member, struct error *err)
{
    json_t *value;

    json_object_foreach(body, *ret_member, value) {
        if (!may_change(*ret_member))
            return error_set(err, ERROR_INVALID, "unknown_member",
                             "there is no member \"%.80s\" that could be "
                             "changed; there are priority, runAt and delay",
                             *ret_member);
        in->name = *ret_member;
        if (!json_is_null(value) &&
            !job_member_find(*ret_member)->read(in, value, err))
            return false;
    }
    *ret_member = NULL;
    return true;
}

static bool read_change(struct request *req, struct response *res,
                        struct new_job *ret, struct error *err)
{
    struct reading in = {.mem = req, .job = ret};
    const char *member = NULL;
    json_t *body;

    if (!http_json(req, &body, err))
        return false;
    in.text = req->text;
    in.len = req->text_len;
    if (!read_members(&in, body, &member, err))
        return post_blame(req, res, false, member, err);
    if (!ret->priority && !ret->run_at && !ret->delay_ms)
        return error_set(err, ERROR_INVALID, "missing_member",
                         "give priority, runAt or delay");
    return !ret->run_at || !ret->delay_ms ||
           error_set(err, ERROR_INVALID, "invalid_member",
                     "give runAt or delay, not both");
}

bool patch_job(struct request *req, struct response *res, struct error *err)
{
    struct new_job change = {0};
    const char *id;
    struct job job;
    struct db *db;

    if (!http_id(req, &id, err) || !read_change(req, res, &change, err) ||
        !http_db(req, &db, err) ||
        !db_exec(db, SQL_JOB_CHANGE,
                 DB_ARGS(id, http_owner(req), change.priority, change.run_at,
                         change.delay_ms),
                 NULL, err))
        return false;
    ring(req);
    return job_by_id(db, req, id, http_owner(req), &job, err) &&
           job_send(req, res, db, &job, err);
}
