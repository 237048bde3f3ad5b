#include "handlers.h"
#include "job_write.h"
#include "uuid.h"
#include "words.h"

#include <string.h>

#define STANDARD_LIMIT 50

static bool read_word(struct request *req, const char *name,
                      const char *const *words, const char **ret,
                      struct error *err)
{
    *ret = http_arg(req, name);
    return word_check(req, name, *ret, words, "invalid_parameter", err);
}

/* An admin may name any owner; a user only themselves. */
static bool read_owner(struct request *req, const char **ret, struct error *err)
{
    const char *owner = http_owner(req), *wanted = http_arg(req, "owner");

    if (owner && wanted && strcmp(owner, wanted) != 0)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "only an admin sees the jobs of others");
    *ret = wanted ? wanted : owner;
    return true;
}

static bool read_filter(struct request *req, struct job_filter *ret,
                        struct error *err)
{
    struct job_filter filter = {
        .type = http_arg(req, "type"),
        .queue = http_arg(req, "queue"),
        .tag = http_arg(req, "tag"),
        .batch = http_arg(req, "batchId"),
        .before = http_arg(req, "cursor"),
    };
    int64_t limit;

    if (!read_owner(req, &filter.owner, err) ||
        !read_word(req, "status", job_statuses, &filter.status, err) ||
        !read_word(req, "state", job_states, &filter.state, err) ||
        !http_arg_int(req, "limit", 1, JOB_LIST_MOST, STANDARD_LIMIT, &limit,
                      err))
        return false;
    if (filter.before && !uuid_valid(filter.before))
        return error_set(err, ERROR_INVALID, "invalid_cursor",
                         "cursor must be the nextCursor of an earlier answer");
    if (filter.batch && !uuid_valid(filter.batch))
        return error_set(err, ERROR_INVALID, "invalid_parameter",
                         "batchId must be the id of a batch");
    filter.limit = (int)limit;
    *ret = filter;
    return true;
}

static bool find_artifacts(struct db *db, void *mem, const struct job *jobs,
                           int count, struct job_artifact **ret, int *ret_count,
                           struct error *err)
{
    struct db_array *ids = db_array_new(mem);
    bool any = false;

    for (int i = 0; i < count; i++) {
        if (!job_is_final(&jobs[i]))
            continue;
        db_array_add(ids, jobs[i].id);
        any = true;
    }
    *ret_count = 0;
    return !any ||
           job_artifacts(db, mem, db_array_text(ids), ret, ret_count, err);
}

static void send_list(struct request *req, struct response *res,
                      const struct job *jobs, int count,
                      const struct job_artifact *artifacts, int artifact_count,
                      const char *next)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, "jobs");
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        job_write(out, req, &jobs[i], artifacts, artifact_count);
        json_end(out);
    }
    json_end(out);
    json_may_string(out, "nextCursor", next);
    json_end(out);
    http_send(res, 200, out);
}

bool get_jobs(struct request *req, struct response *res, struct error *err)
{
    struct job_artifact *artifacts = NULL;
    struct job_filter filter;
    int count, artifact_count;
    struct job *jobs;
    const char *next;
    struct db *db;

    if (!read_filter(req, &filter, err) || !http_db(req, &db, err) ||
        !job_list(db, req, &filter, &jobs, &count, &next, err) ||
        !find_artifacts(db, req, jobs, count, &artifacts, &artifact_count, err))
        return false;
    send_list(req, res, jobs, count, artifacts, artifact_count, next);
    return true;
}
