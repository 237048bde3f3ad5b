#include "api.h"
#include "clock.h"
#include "committer.h"
#include "handlers.h"
#include "job.h"
#include "schema.h"

static void write_type(struct json_out *out, void *mem,
                       const struct job_type_row *type)
{
    json_begin_object(out, NULL);
    json_add_string(out, "type", type->type);
    json_add_string(out, "description", type->description);
    json_add_string(out, "queue", type->queue);
    json_add_int(out, "priority", type->priority);
    json_add_string(out, "timeout", duration_text(mem, type->timeout_ms));
    json_add_int(out, "maxAttempts", type->max_attempts);
    json_may_raw(out, "retry", type->retry);
    if (type->concurrency)
        json_add_int(out, "concurrency", type->concurrency);
    json_may_raw(out, "options", type->options);
    json_may_raw(out, "payloadSchema", type->payload_schema);
    if (type->forget_secrets)
        json_add_bool(out, "forgetSecrets", true);
    json_may_raw(out, "retention", type->retention);
    json_add_bool(out, "paused", type->paused_at > 0);
    json_may_time(out, "pausedAt", type->paused_at);
    json_end(out);
}

bool get_types(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct job_type_row *types;
    struct db *db;
    int count;

    if (!http_db(req, &db, err) || !job_type_rows(db, req, &types, &count, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, "types");
    for (int i = 0; i < count; i++)
        write_type(out, req, &types[i]);
    json_end(out);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

static void send_word(struct request *req, struct response *res,
                      const char *word)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "status", word);
    json_end(out);
    http_send(res, 200, out);
}

/* Alive: says nothing of the database, whose absence no restart would mend. */
bool get_health(struct request *req, struct response *res, struct error *err)
{
    (void)err;
    send_word(req, res, "ok");
    return true;
}

/* Ready: a job that were posted now would be stored. */
bool get_readiness(struct request *req, struct response *res, struct error *err)
{
    struct committer *committer = req->api->committer;
    struct db *db;

    if (!http_db(req, &db, err))
        return false;
    if (!schema_check(db, err))
        return error_set(err, ERROR_UNAVAILABLE, err->code, "%s", err->text);
    if (committer && committer_is_stuck(committer))
        return error_set(err, ERROR_UNAVAILABLE, "commit_stuck",
                         "a commit has been under way for more than %d s",
                         COMMITTER_STUCK_MS / 1000);
    send_word(req, res, "ready");
    return true;
}
