#include "db.h"
#include "handlers.h"
#include "job_write.h"
#include "store.h"

#include <inttypes.h>
#include <talloc.h>

#define STANDARD_LIMIT 1000
#define MOST_LINES     10000

static void write_lines(struct json_out *out, const struct job_log_line *lines,
                        int count)
{
    json_begin_array(out, "logs");
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        json_add_int(out, "attempt", lines[i].attempt);
        json_add_time(out, "at", lines[i].at);
        json_add_string(out, "line", lines[i].line);
        json_add_int(out, "seq", lines[i].seq);
        json_end(out);
    }
    json_end(out);
}

bool get_logs(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct job_log_line *lines;
    int64_t after, limit;
    const char *id;
    struct db *db;
    int count;

    if (!http_id(req, &id, err) ||
        !http_arg_int(req, "after", 0, INT64_MAX, 0, &after, err) ||
        !http_arg_int(req, "limit", 1, MOST_LINES, STANDARD_LIMIT, &limit,
                      err) ||
        !http_db(req, &db, err) ||
        !job_log(db, req, id, http_owner(req), after, (int)limit, &lines,
                 &count, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    write_lines(out, lines, count);
    if (count == limit)
        json_add_string(out, "nextCursor", db_int(req, lines[count - 1].seq));
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool get_artifacts(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct job_artifact *artifacts;
    struct db_array *ids = db_array_new(req);
    struct job job;
    const char *id;
    struct db *db;
    int count;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !job_by_id(db, req, id, http_owner(req), &job, err))
        return false;
    db_array_add(ids, job.id);
    if (!job_artifacts(db, req, db_array_text(ids), &artifacts, &count, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    job_write_artifacts(out, req, job.id, artifacts, count);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool get_artifact(struct request *req, struct response *res, struct error *err)
{
    struct job_artifact artifact;
    const char *id, *name = req->params[1];
    struct db *db;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !job_artifact(db, req, id, http_owner(req), name, &artifact, err))
        return false;
    http_send_file(
        req, res,
        talloc_asprintf(req, "%s/%s",
                        store_artifacts(req, artifact.job_id, artifact.attempt),
                        artifact.name),
        artifact.name, artifact.content_type);
    return true;
}
