#ifndef JOB_SCHEDULE_H
#define JOB_SCHEDULE_H

#include "db.h"

#define SCHEDULE_LIST_MOST 1000 /* rows in one page */
#define SCHEDULE_NEXT_MOST 100  /* times ahead */

/* A schedule as it is. NULL and 0 mean that there is none; times are ms since
 * the epoch; JSON is as it was given. Either cron or every_ms is set. */
struct schedule {
    const char *owner, *name;
    const char *cron, *timezone;
    int64_t every_ms;
    const char *type, *payload, *options;
    const char *overlap, *missed;
    int32_t missed_limit;
    bool paused;
    int64_t next_run_at, last_run_at, created_at;
    const char *last_job_id, *last_error; /* the error: JSON */
};

/*
 * Create a schedule of the owner, or replace it; only_new refuses a known one
 * (ERROR_CONFLICT schedule_exists). `spec` is the JSON object that describes
 * it, with its name where `name` is NULL; what is wrong with it is
 * ERROR_INVALID with a code and a text for whoever wrote it. *ret_created where
 * it was not there before; *ret_name is its name, on `mem`.
 */
bool schedule_put(struct db *db, void *mem, const char *owner, const char *name,
                  const char *spec, bool only_new, bool *ret_created,
                  const char **ret_name, struct error *err) MUST_CHECK;

/* A page of schedules by owner and name on `mem`, those behind (after_owner,
 * after_name) where these are not NULL. Owner NULL is everybody's. */
bool schedule_list(struct db *db, void *mem, const char *owner,
                   const char *after_owner, const char *after_name, int limit,
                   struct schedule **ret, int *ret_count,
                   struct error *err) MUST_CHECK;

/* In all that follows, ERROR_NOT_FOUND is schedule_not_found. */
bool schedule_by_name(struct db *db, void *mem, const char *owner,
                      const char *name, struct schedule *ret,
                      struct error *err) MUST_CHECK;

/* Pause, or go on; what is so already stays. */
bool schedule_pause(struct db *db, const char *owner, const char *name,
                    bool pause, struct error *err) MUST_CHECK;

/* Make a job now; its id on `mem`. ERROR_CONFLICT still_running where the
 * overlap policy is against it. */
bool schedule_run_now(struct db *db, void *mem, const char *owner,
                      const char *name, const char **ret_job,
                      struct error *err) MUST_CHECK;

bool schedule_delete(struct db *db, const char *owner, const char *name,
                     struct error *err) MUST_CHECK;

/* The times of the next `count` runs on `mem`. */
bool schedule_next(struct db *db, void *mem, const char *owner,
                   const char *name, int count, int64_t **ret, int *ret_count,
                   struct error *err) MUST_CHECK;

#endif
