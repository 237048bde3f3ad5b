#include "route.h"
#include "handlers.h"
#include "url.h"

#include <string.h>
#include <talloc.h>

#define JOB_FILTERS "status state type queue tag batchId owner cursor limit"

/* The first pattern that fits a path is the path's: plain ones stand before
 * those with names in them. */
/* clang-format off */
const struct route routes[] = {
    {"GET",    "/healthz",                       get_health,     NEED_NOBODY, BODY_NONE,  ""},
    {"GET",    "/readyz",                        get_readiness,  NEED_NOBODY, BODY_NONE,  ""},
    {"POST",   "/api/session",                   post_session,   NEED_NOBODY, BODY_JSON,  ""},
    {"GET",    "/api/session",                   get_session,    NEED_USER,   BODY_NONE,  ""},
    {"DELETE", "/api/session",                   delete_session, NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/types",                     get_types,      NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/types/:name/pause",         pause_type,     NEED_ADMIN,  BODY_NONE,  ""},
    {"POST",   "/api/types/:name/resume",        resume_type,    NEED_ADMIN,  BODY_NONE,  ""},
    {"GET",    "/api/queues",                    get_queues,     NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/queues/:name",              get_queue,      NEED_USER,   BODY_NONE,  ""},
    {"PUT",    "/api/queues/:name",              put_queue,      NEED_ADMIN,  BODY_JSON,  ""},
    {"POST",   "/api/queues/:name/pause",        pause_queue,    NEED_ADMIN,  BODY_NONE,  ""},
    {"POST",   "/api/queues/:name/resume",       resume_queue,   NEED_ADMIN,  BODY_NONE,  ""},
    {"GET",    "/api/workers",                   get_workers,    NEED_ADMIN,  BODY_NONE,  ""},
    {"GET",    "/api/owners",                    get_owners,     NEED_ADMIN,  BODY_NONE,  ""},
    {"PUT",    "/api/owners/:name",              put_owner,      NEED_ADMIN,  BODY_JSON,  ""},
    {"POST",   "/api/batches",                   post_batches,   NEED_USER,   BODY_BATCH, ""},
    {"GET",    "/api/batches",                   get_batches,    NEED_USER,   BODY_NONE,  "owner cursor limit"},
    {"GET",    "/api/batches/:id",               get_batch,      NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/batches/:id/jobs",          post_batch_jobs, NEED_USER,  BODY_BATCH, ""},
    {"POST",   "/api/batches/:id/close",         close_batch,    NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/batches/:id/cancel",        cancel_batch,   NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/batches/:id/events",        get_batch_events, NEED_USER, BODY_NONE,  "lastEventId"},
    {"GET",    "/api/jobs/stats",                get_stats,      NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/jobs",                      post_job,       NEED_USER,   BODY_JSON,  ""},
    {"GET",    "/api/jobs",                      get_jobs,       NEED_USER,   BODY_NONE,  JOB_FILTERS},
    {"POST",   "/api/jobs/enqueue",              post_job,       NEED_USER,   BODY_JSON,  ""},
    {"POST",   "/api/jobs/batch",                post_batch,     NEED_USER,   BODY_BATCH, ""},
    {"GET",    "/api/jobs/failures",             get_failures,   NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/jobs/cancel",               cancel_jobs,    NEED_USER,   BODY_JSON,  ""},
    {"POST",   "/api/jobs/retry",                retry_jobs,     NEED_USER,   BODY_JSON,  ""},
    {"POST",   "/api/jobs/discard",              discard_jobs,   NEED_USER,   BODY_JSON,  ""},
    {"GET",    "/api/jobs/:id/explain",          explain_job,    NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/jobs/:id/attempts",         get_attempts,   NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/jobs/:id/attempts/:number/report", post_report, NEED_NOBODY, BODY_JSON, ""},
    {"POST",   "/api/jobs/:id/discard",          discard_job,    NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/jobs/notifications/stream", get_events,     NEED_USER,   BODY_NONE,  "lastEventId all"},
    {"GET",    "/api/jobs/:id",                  get_job,        NEED_USER,   BODY_NONE,  "jobType"},
    {"PATCH",  "/api/jobs/:id",                  patch_job,      NEED_USER,   BODY_JSON,  ""},
    {"DELETE", "/api/jobs/:id",                  cancel_job,     NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/jobs/:id/status",           get_job_status, NEED_USER,   BODY_NONE,  "jobType"},
    {"GET",    "/api/jobs/:id/events",           get_job_events, NEED_USER,   BODY_NONE,  "lastEventId"},
    {"GET",    "/api/jobs/:id/logs",             get_logs,       NEED_USER,   BODY_NONE,  "after limit"},
    {"GET",    "/api/jobs/:id/artifacts",        get_artifacts,  NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/jobs/:id/artifacts/:name",  get_artifact,   NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/jobs/:id/cancel",           cancel_job,     NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/jobs/:id/retry",            retry_job,      NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/schedules",                 get_schedules,   NEED_USER,  BODY_NONE,  "owner cursor limit"},
    {"POST",   "/api/schedules",                 post_schedule,   NEED_USER,  BODY_JSON,  "owner"},
    {"GET",    "/api/schedules/:name",           get_schedule,    NEED_USER,  BODY_NONE,  "owner"},
    {"PUT",    "/api/schedules/:name",           put_schedule,    NEED_USER,  BODY_JSON,  "owner"},
    {"DELETE", "/api/schedules/:name",           delete_schedule, NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/schedules/:name/pause",     pause_schedule,  NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/schedules/:name/resume",    resume_schedule, NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/schedules/:name/run",       run_schedule,    NEED_USER,  BODY_NONE,  "owner"},
    {"GET",    "/api/schedules/:name/next",      get_schedule_next, NEED_USER, BODY_NONE, "owner count"},
    {"GET",    "/api/connections",               get_connections, NEED_USER,  BODY_NONE,  "owner cursor limit"},
    {"POST",   "/api/connections",               post_connection, NEED_USER,  BODY_JSON,  "owner"},
    {"GET",    "/api/connections/:name",         get_connection, NEED_USER,  BODY_NONE,  "owner"},
    {"PUT",    "/api/connections/:name",         put_connection, NEED_USER,  BODY_JSON,  "owner"},
    {"DELETE", "/api/connections/:name",         delete_connection, NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/connections/:name/test",    test_connection, NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/connections/:name/train-schema", train_schema,   NEED_USER,  BODY_JSON,  ""},
    {"GET",    "/api/connections/:name/schema-cache", get_schema_cache, NEED_USER,  BODY_NONE,  "owner"},
    {"DELETE", "/api/connections/:name/schema-cache", delete_schema_cache, NEED_USER,  BODY_NONE,  "owner"},
    {"POST",   "/api/import/mysql",              post_mysql_import, NEED_USER, BODY_JSON,  "strategy"},
    {"POST",   "/api/files",                     post_files,     NEED_USER,   BODY_FILE,  "name"},
    {"GET",    "/api/files/:id",                 get_file,       NEED_USER,   BODY_NONE,  ""},
    {"DELETE", "/api/files/:id",                 delete_file,    NEED_USER,   BODY_NONE,  ""},
    {"POST",   "/api/v1/analysis/analyze-file",  post_analysis,  NEED_USER,   BODY_FILE,  ""},
    {"GET",    "/api/v1/analysis/job/:id",       get_analysis,   NEED_USER,   BODY_NONE,  ""},
    {"GET",    "/api/v1/analysis/download/:name", get_report,    NEED_USER,   BODY_NONE,  ""},
};
/* clang-format on */

const size_t route_count = sizeof(routes) / sizeof(*routes);

/* The length of the segment that begins here. */
static size_t segment(const char *path)
{
    return strcspn(path, "/");
}

/*
 * Whether the path has the form of a pattern; what stands for each ":name" goes
 * into `raw`, which points into the path.
 */
static bool match(const char *path, const char *pattern,
                  const char *raw[HTTP_MAX_PARAMS])
{
    int count = 0;

    memset(raw, 0, HTTP_MAX_PARAMS * sizeof(*raw));
    while (*path == '/' && *pattern == '/') {
        size_t have = segment(++path), want = segment(++pattern);

        if (*pattern == ':' && have > 0)
            raw[count++] = path;
        else if (have != want || memcmp(path, pattern, have) != 0)
            return false;
        path += have;
        pattern += want;
    }
    return *path == '\0' && *pattern == '\0';
}

/* The first row whose pattern fits the path, or NULL. */
static const struct route *first(const char *path,
                                 const char *raw[HTTP_MAX_PARAMS])
{
    for (const struct route *r = routes; r < routes + route_count; r++)
        if (match(path, r->pattern, raw))
            return r;
    return NULL;
}

/* The next row with the same pattern, or NULL. */
static const struct route *next(const struct route *r, const char *pattern)
{
    while (++r < routes + route_count)
        if (!strcmp(r->pattern, pattern))
            return r;
    return NULL;
}

/* A decoded segment is used as a name: it is none if it means another place. */
static bool decode(struct request *req, const char *raw, const char **ret,
                   struct error *err)
{
    char *text;

    if (!url_decode(req, raw, segment(raw), false, &text, err))
        return false;
    if (strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, ".."))
        return error_set(err, ERROR_INVALID, "invalid_path",
                         "the URL contains a path where a name must be");
    *ret = text;
    return true;
}

/* An event stream has no length, and goes on to a program that serves it. */
static bool takes_head(const struct route *r)
{
    return !strcmp(r->method, "GET") && r->handler != get_events &&
           r->handler != get_job_events && r->handler != get_batch_events;
}

bool route_find(struct request *req, const struct route **ret,
                struct error *err)
{
    const char *raw[HTTP_MAX_PARAMS] = {0};
    const struct route *r = first(req->path, raw);

    if (!r)
        return error_set(err, ERROR_NOT_FOUND, "no_such_route",
                         "there is nothing at this path");
    for (int i = 0; i < HTTP_MAX_PARAMS; i++)
        if (raw[i] && !decode(req, raw[i], &req->params[i], err))
            return false;
    for (const char *pattern = r->pattern; r; r = next(r, pattern)) {
        if (!strcmp(r->method, req->method) && (!req->head || takes_head(r))) {
            *ret = r;
            return true;
        }
    }
    return error_set(err, ERROR_NOT_ALLOWED, "method_not_allowed",
                     "%.20s is not allowed here",
                     req->head ? "HEAD" : req->method);
}

const char *route_methods(struct request *req)
{
    const char *raw[HTTP_MAX_PARAMS];
    const struct route *r = first(req->path, raw);
    char *list = talloc_strdup(req, "");

    for (const char *pattern = r ? r->pattern : NULL; r; r = next(r, pattern)) {
        list =
            talloc_asprintf_append(list, "%s%s", *list ? ", " : "", r->method);
        if (takes_head(r))
            list = talloc_strdup_append(list, ", HEAD");
    }
    return list;
}
