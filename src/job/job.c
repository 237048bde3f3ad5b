#include "job.h"
#include "queries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static const struct db_column job_columns[] = {
    DB_COLUMN(struct job, id),           DB_COLUMN(struct job, type),
    DB_COLUMN(struct job, queue),        DB_COLUMN(struct job, owner),
    DB_COLUMN(struct job, state),        DB_COLUMN(struct job, status),
    DB_COLUMN(struct job, priority),     DB_COLUMN(struct job, attempt),
    DB_COLUMN(struct job, max_attempts), DB_COLUMN(struct job, progress),
    DB_COLUMN(struct job, timeout_ms),   DB_COLUMN(struct job, message),
    DB_COLUMN(struct job, payload),      DB_COLUMN(struct job, result),
    DB_COLUMN(struct job, error),        DB_COLUMN(struct job, tags),
    DB_COLUMN(struct job, created_at),   DB_COLUMN(struct job, run_at),
    DB_COLUMN(struct job, started_at),   DB_COLUMN(struct job, completed_at),
    DB_COLUMN(struct job, kept_until),   DB_COLUMN(struct job, worker),
    DB_COLUMN(struct job, options),      {0},
};

static const struct db_column log_columns[] = {
    DB_COLUMN(struct job_log_line, seq),
    DB_COLUMN(struct job_log_line, attempt),
    DB_COLUMN(struct job_log_line, line),
    DB_COLUMN(struct job_log_line, at),
    {0},
};

static const struct db_column artifact_columns[] = {
    DB_COLUMN(struct job_artifact, job_id),
    DB_COLUMN(struct job_artifact, name),
    DB_COLUMN(struct job_artifact, attempt),
    DB_COLUMN(struct job_artifact, size),
    DB_COLUMN(struct job_artifact, content_type),
    DB_COLUMN(struct job_artifact, sha256),
    {0},
};

static const struct db_column type_columns[] = {
    DB_COLUMN(struct job_type_row, type),
    DB_COLUMN(struct job_type_row, description),
    DB_COLUMN(struct job_type_row, queue),
    DB_COLUMN(struct job_type_row, retry),
    DB_COLUMN(struct job_type_row, priority),
    DB_COLUMN(struct job_type_row, max_attempts),
    DB_COLUMN(struct job_type_row, timeout_ms),
    DB_COLUMN(struct job_type_row, concurrency),
    DB_COLUMN(struct job_type_row, options),
    DB_COLUMN(struct job_type_row, payload_schema),
    DB_COLUMN(struct job_type_row, forget_secrets),
    DB_COLUMN(struct job_type_row, retention),
    DB_COLUMN(struct job_type_row, paused_at),
    {0},
};

static bool not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "job_not_found",
                     "there is no such job");
}

/* The first `count` rows of a result as an array of structs of one size. */
static bool read_rows(const struct db_result *rows, void *mem, int count,
                      const struct db_column *columns, size_t size, void **ret,
                      struct error *err)
{
    char *list = talloc_zero_size(mem, (size_t)count * size);

    for (int i = 0; i < count; i++)
        if (!db_row(rows, i, columns, list + (size_t)i * size, err))
            return false;
    *ret = list;
    return true;
}

bool job_is_final(const struct job *job)
{
    return !strcmp(job->state, "completed") ||
           !strcmp(job->state, "cancelled") || !strcmp(job->state, "discarded");
}

bool job_by_id(struct db *db, void *mem, const char *id, const char *owner,
               struct job *ret, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_JOB_BY_ID, DB_ARGS(id, owner), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return not_found(err);
    return db_row(rows, 0, job_columns, ret, err);
}

bool job_exists(struct db *db, const char *id, const char *owner,
                struct error *err)
{
    int64_t count;

    if (!db_exec(db, SQL_JOB_EXISTS, DB_ARGS(id, owner), &count, err))
        return false;
    return count > 0 || not_found(err);
}

/* More was found than is shown: the next page goes on behind what is shown. */
static const char *next_page(const struct db_result *rows, int shown)
{
    if (strtol(db_text(rows, 0, "found"), NULL, 10) > shown)
        return db_text(rows, shown - 1, "id");
    return db_text(rows, 0, "edge");
}

static bool query_list(struct db *db, void *mem,
                       const struct job_filter *filter, struct db_result **ret,
                       struct error *err)
{
    bool processing = filter->status && !strcmp(filter->status, "processing");
    const char *state = !filter->state && processing ? "active" : filter->state;

    return db_query(db, mem, SQL_JOB_LIST,
                    DB_ARGS(filter->owner, filter->before, filter->status,
                            state, filter->type, filter->queue, filter->tag,
                            db_int(mem, filter->limit + 1), filter->batch),
                    ret, err);
}

bool job_list(struct db *db, void *mem, const struct job_filter *filter,
              struct job **ret, int *ret_count, const char **ret_next,
              struct error *err)
{
    struct db_result *rows;
    void *list;
    int count;

    if (!query_list(db, mem, filter, &rows, err))
        return false;
    count = db_text(rows, 0, "id") ? db_count(rows) : 0;
    if (count > filter->limit)
        count = filter->limit;
    if (!read_rows(rows, mem, count, job_columns, sizeof(struct job), &list,
                   err))
        return false;
    *ret = list;
    *ret_count = count;
    *ret_next = next_page(rows, count);
    return true;
}

bool job_log(struct db *db, void *mem, const char *id, const char *owner,
             int64_t after, int limit, struct job_log_line **ret,
             int *ret_count, struct error *err)
{
    struct db_result *rows;
    void *list;

    if (!job_exists(db, id, owner, err) ||
        !db_query(db, mem, SQL_JOB_LOG,
                  DB_ARGS(id, db_int(mem, after), db_int(mem, limit)), &rows,
                  err) ||
        !read_rows(rows, mem, db_count(rows), log_columns,
                   sizeof(struct job_log_line), &list, err))
        return false;
    *ret = list;
    *ret_count = db_count(rows);
    return true;
}

bool job_artifacts(struct db *db, void *mem, const char *ids,
                   struct job_artifact **ret, int *ret_count, struct error *err)
{
    struct db_result *rows;
    void *list;

    if (!db_query(db, mem, SQL_JOB_ARTIFACTS, DB_ARGS(ids), &rows, err) ||
        !read_rows(rows, mem, db_count(rows), artifact_columns,
                   sizeof(struct job_artifact), &list, err))
        return false;
    *ret = list;
    *ret_count = db_count(rows);
    return true;
}

bool job_artifact(struct db *db, void *mem, const char *id, const char *owner,
                  const char *name, struct job_artifact *ret, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_JOB_ARTIFACT, DB_ARGS(id, owner, name), &rows,
                  err))
        return false;
    if (db_count(rows) > 0)
        return db_row(rows, 0, artifact_columns, ret, err);
    if (!job_exists(db, id, owner, err))
        return false;
    return error_set(err, ERROR_NOT_FOUND, "artifact_not_found",
                     "the job has no artifact \"%.200s\"", name);
}

bool job_run_time(struct db *db, const char *id, int64_t *ret_ms,
                  struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_result *rows;
    bool ok = db_query(db, mem, SQL_JOB_RUN_TIME, DB_ARGS(id), &rows, err);

    if (ok) {
        const char *ms = db_text(rows, 0, "ms");

        *ret_ms = ms ? strtoll(ms, NULL, 10) : -1;
    }
    talloc_free(mem);
    return ok;
}

/* A statement that gives back a job's state: whether it is this one. */
static bool query_state(struct db *db, const char *sql, const char *id,
                        const char *owner, const char *state, bool *ret,
                        struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_result *rows;
    bool ok = db_query(db, mem, sql, DB_ARGS(id, owner), &rows, err);

    if (ok)
        *ret = !strcmp(db_text(rows, 0, "state"), state);
    talloc_free(mem);
    return ok;
}

bool job_cancel(struct db *db, const char *id, const char *owner,
                bool *ret_running, struct error *err)
{
    return query_state(db, SQL_JOB_CANCEL, id, owner, "active", ret_running,
                       err);
}

bool job_retry(struct db *db, const char *id, const char *owner,
               bool *ret_pending, struct error *err)
{
    return query_state(db, SQL_JOB_RETRY, id, owner, "pending", ret_pending,
                       err);
}

bool job_ended(struct db *db, void *mem, const char *ids,
               struct db_result **ret, struct error *err)
{
    return db_query(db, mem, SQL_JOB_ENDED, DB_ARGS(ids), ret, err);
}

bool job_type_rows(struct db *db, void *mem, struct job_type_row **ret,
                   int *ret_count, struct error *err)
{
    struct db_result *rows;
    void *list;

    if (!db_query(db, mem, SQL_JOB_TYPE_ROWS, DB_NO_ARGS, &rows, err) ||
        !read_rows(rows, mem, db_count(rows), type_columns,
                   sizeof(struct job_type_row), &list, err))
        return false;
    *ret = list;
    *ret_count = db_count(rows);
    return true;
}
