#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "db.h"

#define JOB_LIST_MOST 1000 /* rows in one page */

/* A job as it is now. Text lives with the context it was read into; NULL and 0
 * mean that there is none. Times are ms since the epoch. JSON is as stored. */
struct job {
    const char *id, *type, *queue, *owner;
    const char *state, *status; /* the exact word and the simple one */
    int32_t priority, attempt, max_attempts, progress;
    int64_t timeout_ms;
    const char *message, *payload, *result, *error, *tags; /* tags: JSON too */
    int64_t created_at, run_at, started_at, completed_at, kept_until;
    const char *worker;  /* the name of the one that ran it last */
    const char *options; /* the rare ones, an object, as they are shown */
};

/* Whether the job has ended: nothing but a retry changes it any more. */
bool job_is_final(const struct job *job);

/*
 * One job on `mem`. In all that follows `owner` is whose job it must be, NULL
 * anyone's; what is not there and what is not theirs is the same
 * ERROR_NOT_FOUND job_not_found.
 */
bool job_by_id(struct db *db, void *mem, const char *id, const char *owner,
               struct job *ret, struct error *err) MUST_CHECK;

/* Whether there is such a job. */
bool job_exists(struct db *db, const char *id, const char *owner,
                struct error *err) MUST_CHECK;

/* What a list shall hold; NULL leaves a condition out. */
struct job_filter {
    const char *owner, *status, *state, *type, *queue, *tag;
    const char *batch;  /* an id */
    const char *before; /* an id: only jobs older than this one */
    int limit;
};

/*
 * A page of jobs, newest first, on `mem`. One page looks at a bounded number of
 * jobs: it may hold fewer than the limit, even none, while there are more.
 * *ret_next is where the next page begins, NULL after the last.
 */
bool job_list(struct db *db, void *mem, const struct job_filter *filter,
              struct job **ret, int *ret_count, const char **ret_next,
              struct error *err) MUST_CHECK;

struct job_log_line {
    int64_t seq, at;
    int32_t attempt;
    const char *line;
};

/* Up to `limit` lines of a job's log after line `after`. */
bool job_log(struct db *db, void *mem, const char *id, const char *owner,
             int64_t after, int limit, struct job_log_line **ret,
             int *ret_count, struct error *err) MUST_CHECK;

struct job_artifact {
    const char *job_id, *name, *content_type, *sha256;
    int32_t attempt;
    int64_t size;
};

/* The artifacts of some jobs (an array's text), by job and name. */
bool job_artifacts(struct db *db, void *mem, const char *ids,
                   struct job_artifact **ret, int *ret_count,
                   struct error *err) MUST_CHECK;

/* One artifact. ERROR_NOT_FOUND artifact_not_found. */
bool job_artifact(struct db *db, void *mem, const char *id, const char *owner,
                  const char *name, struct job_artifact *ret,
                  struct error *err) MUST_CHECK;

/* Cancel: *ret_running where it runs and its worker has been asked to stop it.
 * ERROR_CONFLICT job_final. */
bool job_cancel(struct db *db, const char *id, const char *owner,
                bool *ret_running, struct error *err) MUST_CHECK;

/* Run a failed or cancelled job once more: *ret_pending where it has to wait
 * for other jobs again. ERROR_CONFLICT not_retryable. */
bool job_retry(struct db *db, const char *id, const char *owner,
               bool *ret_pending, struct error *err) MUST_CHECK;

/* How long a run of the job's type takes, by what its past tells; -1: nobody
 * knows. */
bool job_run_time(struct db *db, const char *id, int64_t *ret_ms,
                  struct error *err) MUST_CHECK;

/* Those of some jobs (an array's text) that have ended, on `mem`. */
bool job_ended(struct db *db, void *mem, const char *ids,
               struct db_result **ret, struct error *err) MUST_CHECK;

/* A job type as workers registered it. */
struct job_type_row {
    const char *type, *description, *queue, *retry;
    int32_t priority, max_attempts, concurrency; /* concurrency 0: no limit */
    int64_t timeout_ms, paused_at;               /* paused_at 0: it is not */
    const char *options, *retention;             /* JSON, or NULL */
    const char *payload_schema;                  /* the same */
    bool forget_secrets;
};
bool job_type_rows(struct db *db, void *mem, struct job_type_row **ret,
                   int *ret_count, struct error *err) MUST_CHECK;

#endif
