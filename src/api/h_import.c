#include "api.h"
#include "artifact.h"
#include "clock.h"
#include "handlers.h"
#include "job.h"
#include "job_write.h"
#include "post.h"
#include "prefer.h"
#include "url.h"
#include "uuid.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

#define IMPORT_TYPE   "mysql-import"
#define RETRY_AFTER_S "30" /* what is away may be back by then */

/* What a failed import answers; the rest is 502: the other side's, or of the
 * way to it. */
static const struct {
    const char *code;
    int status;
} failures[] = {
    {"invalid_payload",       422},
    {"access_denied",         422},
    {"unknown_database",      422},
    {"tls_failed",            422},
    {"host_not_allowed",      422},
    {"catalog_too_large",     422},
    {"ssh_denied",            422},
    {"ssh_invalid_key",       422},
    {"ssh_host_unknown",      422},
    {"ssh_host_key_mismatch", 422},
    {"cancelled",             409},
};

static int status_of(const char *code)
{
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
        if (!strcmp(code, failures[i].code))
            return failures[i].status;
    return 502;
}

/* Strategies are words for how long the answer is waited for; without one the
 * request's own preference counts, and then "auto". */
static bool strategy_of(struct request *req, const char **ret,
                        struct error *err)
{
    const char *strategy = http_arg(req, "strategy");

    if (!strategy)
        *ret = prefer_seconds(req->prefer) ? req->prefer : "wait=auto";
    else if (!strcmp(strategy, "auto"))
        *ret = "wait=auto";
    else if (!strcmp(strategy, "immediate"))
        *ret = talloc_asprintf(req, "wait=%" PRId64,
                               req->api->conf->max_wait / 1000);
    else if (!strcmp(strategy, "background"))
        *ret = NULL;
    else
        return error_set(err, ERROR_INVALID, "invalid_strategy",
                         "strategy must be \"auto\", \"immediate\" or "
                         "\"background\", not \"%.80s\"",
                         strategy);
    return true;
}

static const char *answer_of(struct request *req, const struct new_job *job)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_object(out, "data");
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "status", "PENDING");
    json_add_string(out, "message",
                    "Import started in background. Poll /api/v1/jobs/{jobId} "
                    "for status.");
    json_end(out);
    json_end(out);
    return json_out_text(out, NULL);
}

/* The id within an answer: that of a replayed one is not this request's. */
static const char *id_of(void *mem, const char *answer)
{
    const char *data = json_member_text(mem, answer, strlen(answer), "data");
    const char *id =
        data ? json_member_text(mem, data, strlen(data), "jobId") : NULL;

    return id ? talloc_strndup(mem, id + 1, strlen(id) - 2) : "";
}

/* A schema too large for a result is a file. */
static bool send_schema(struct request *req, struct response *res,
                        struct db *db, const struct job *job, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct db_array *ids = db_array_new(req);
    struct job_artifact *artifacts = NULL;
    int count = 0;

    db_array_add(ids, job->id);
    if (!job_artifacts(db, req, db_array_text(ids), &artifacts, &count, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_object(out, "data");
    json_add_string(out, "jobId", job->id);
    if (job->result)
        json_add_members(out, job->result);
    if (count > 0)
        json_add_string(out, "downloadUrl",
                        job_artifact_url(req, &artifacts[0]));
    json_end(out);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

static bool send_failure(struct request *req, struct response *res,
                         const struct job *job)
{
    bool cancelled = !strcmp(job->state, "cancelled");
    static const char was_cancelled[] =
        "{\"code\":\"cancelled\",\"message\":\"the import was cancelled\"}";
    const char *error = cancelled || !job->error ? was_cancelled : job->error;
    const char *code = json_member_text(req, error, strlen(error), "code");
    struct json_out *out = json_out_new(req);

    code = code ? talloc_strndup(req, code + 1, strlen(code) - 2) : "";
    json_begin_object(out, NULL);
    json_add_bool(out, "success", false);
    json_add_string(out, "jobId", job->id);
    json_add_raw(out, "error", error);
    json_end(out);
    http_send(res, status_of(code), out);
    if (res->status == 502)
        http_header(req, res, "Retry-After", RETRY_AFTER_S);
    return true;
}

static bool send_end(struct request *req, struct response *res, const char *id,
                     struct error *err)
{
    struct job job;
    struct db *db;

    if (!http_db(req, &db, err) ||
        !job_by_id(db, req, id, http_owner(req), &job, err))
        return false;
    return !strcmp(job.state, "completed")
               ? send_schema(req, res, db, &job, err)
               : send_failure(req, res, &job);
}

static bool send_later(struct response *res, const char *answer)
{
    res->status = 202;
    res->body = answer;
    res->body_len = strlen(answer);
    return true;
}

bool post_mysql_import(struct request *req, struct response *res,
                       struct error *err)
{
    struct new_job job = {.type = IMPORT_TYPE};
    struct post post = {.jobs = &job, .count = 1, .path = "/api/import/mysql"};
    const char *prefer = NULL, *answer, *id;
    json_t *body;

    if (!strategy_of(req, &prefer, err) || !http_json(req, &body, err))
        return false;
    job.payload = req->text;
    uuid_new(clock_now_ms(), job.id);
    post.answer = answer_of(req, &job);
    post.body = req->text;
    post.body_len = req->text_len;
    if (!post_store(req, res, &post, &answer, err))
        return post_blame(req, res, false, NULL, err);
    id = id_of(req, answer);
    http_header(req, res, "Location", talloc_asprintf(req, "/api/jobs/%s", id));
    return prefer_wait_as(req, res, prefer, id) ? send_end(req, res, id, err)
                                                : send_later(res, answer);
}
