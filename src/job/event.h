#ifndef JOB_EVENT_H
#define JOB_EVENT_H

#include "db.h"

/* What an event of the log is called, and what it says about its job; those of
 * a batch have it for job_id, and how it is for result. */
struct event_kind {
    const char *type;   /* in the log and in the data: "job_progress" */
    const char *name;   /* of the server-sent event: "progress" */
    const char *status; /* of the job, the simple word */
    bool final;         /* nothing follows unless someone retries the job */
    bool has_result, has_error;
    bool of_batch;
};

/* A change of a job. Texts point into the result it was read from. */
struct event {
    int64_t seq, xid, at_ms;
    const struct event_kind *what;
    const char *kind, *job_id, *job_type, *owner, *message;
    const char *batch; /* the job's, or NULL */
    int32_t attempt, progress;
    const char *result, *error; /* JSON as it was stored, or NULL */
};

/* Read a row of one of the event_ statements. */
bool event_read(const struct db_result *rows, int row, struct event *ret,
                struct error *err) MUST_CHECK;

/* NULL where there is no such kind. */
const struct event_kind *event_kind_by_type(const char *type);

#endif
