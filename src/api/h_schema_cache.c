/*
 * What is known of a connection's schema: a job of the type schema-training
 * reads it, and its end keeps the result.
 */
#include "clock.h"
#include "connection_read.h"
#include "handlers.h"
#include "job.h"
#include "job_write.h"
#include "post.h"
#include "uuid.h"

#include <string.h>
#include <talloc.h>

#define TRAINING_TYPE "schema-training"

/* The options are the body, or its member `options`; there need be none. */
static bool read_options(struct request *req, const char **ret,
                         struct error *err)
{
    json_t *body, *options;

    *ret = "{}";
    if (!http_json_if_any(req, &body, err))
        return false;
    if (!body)
        return true;
    *ret = req->text;
    options = json_object_get(body, "options");
    if (options) {
        if (!json_is_object(options) || json_object_size(body) != 1)
            return error_set(err, ERROR_INVALID, "invalid_member",
                             "options must be an object, and all that there "
                             "is");
        *ret = json_member_text(req, req->text, req->text_len, "options");
        body = options;
    }
    return !json_object_get(body, "connection") ||
           error_set(err, ERROR_INVALID, "unknown_member",
                     "the connection is that of the path");
}

static const char *payload_of(struct request *req, const char *id,
                              const char *options)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_string(out, "connection", id);
    json_add_members(out, options);
    json_end(out);
    return json_out_text(out, NULL);
}

bool train_schema(struct request *req, struct response *res, struct error *err)
{
    struct new_job job = {.type = TRAINING_TYPE};
    struct post post = {.jobs = &job, .count = 1};
    struct connection connection;
    const char *options, *answer;
    struct db *db;

    if (!read_options(req, &options, err) ||
        !connection_of_path(req, &db, &connection, err))
        return false;
    http_db_done(req);
    uuid_new(clock_now_ms(), job.id);
    job.payload = payload_of(req, connection.id, options);
    post.answer = post_answer(req, &job);
    post.path =
        talloc_asprintf(req, "/api/connections/%s/train-schema", connection.id);
    post.body = options;
    post.body_len = strlen(options);
    if (!post_store(req, res, &post, &answer, err))
        return post_blame(req, res, false, NULL, err);
    return post_reply(req, res, answer, err);
}

/* Where a schema is to be had that is too large for a result: a file of the
 * job, as long as that is kept. */
static bool find_file(struct request *req, struct db *db,
                      const struct schema_cache *cache, const char **ret_url,
                      struct error *err)
{
    struct job_artifact artifact;

    *ret_url = NULL;
    if (!cache->file)
        return true;
    if (!job_artifact(db, req, cache->job, NULL, cache->file, &artifact, err))
        return err->kind == ERROR_NOT_FOUND &&
               error_set(err, ERROR_NOT_FOUND, "not_cached",
                         "the job that has read this schema is not kept any "
                         "more; POST to train-schema reads it again");
    *ret_url = job_artifact_url(req, &artifact);
    return true;
}

bool get_schema_cache(struct request *req, struct response *res,
                      struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct connection connection;
    struct schema_cache cache;
    const char *url;
    struct db *db;

    if (!connection_of_path(req, &db, &connection, err) ||
        !schema_cache_get(db, req, connection.id, &cache, err) ||
        !find_file(req, db, &cache, &url, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_bool(out, "cached", true);
    json_add_string(out, "connection", connection.id);
    json_add_string(out, "jobId", cache.job);
    json_add_time(out, "trainedAt", cache.trained_at);
    json_may_string(out, "downloadUrl", url);
    json_add_raw(out, "schema", cache.result);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool delete_schema_cache(struct request *req, struct response *res,
                         struct error *err)
{
    struct connection connection;
    struct db *db;

    return connection_of_path(req, &db, &connection, err) &&
           schema_cache_delete(db, connection.id, err) && http_done(req, res);
}
