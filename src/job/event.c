#include "event.h"

#include <string.h>

/* To add a kind: a value of millrace.event_kind by a migration, a row here. */
static const struct event_kind kinds[] = {
    {"job_queued",      "status",         "pending",    false, false, false, false},
    {"job_started",     "status",         "processing", false, false, false, false},
    {"job_progress",    "progress",       "processing", false, false, false, false},
    {"job_retrying",    "status",         "pending",    false, false, false, false},
    {"job_completed",   "job-complete",   "completed",  true,  true,  false, false},
    {"job_failed",      "job-failed",     "failed",     true,  false, true,  false},
    {"job_cancelled",   "job-cancelled",  "cancelled",  true,  false, true,  false},
    {"batch_progress",  "batch",          NULL,         false, true,  false, true },
    {"batch_completed", "batch-complete", NULL,         true,  true,  false, true },
};

/* clang-format off */
static const struct db_column columns[] = {
    DB_COLUMN(struct event, seq),
    DB_COLUMN(struct event, xid),
    DB_COLUMN(struct event, at_ms),
    DB_COLUMN(struct event, kind),
    DB_COLUMN(struct event, job_id),
    DB_COLUMN(struct event, job_type),
    DB_COLUMN(struct event, owner),
    DB_COLUMN(struct event, message),
    DB_COLUMN(struct event, batch),
    DB_COLUMN(struct event, attempt),
    DB_COLUMN(struct event, progress),
    DB_COLUMN(struct event, result),
    DB_COLUMN(struct event, error),
    {0},
};
/* clang-format on */

const struct event_kind *event_kind_by_type(const char *type)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcmp(kinds[i].type, type))
            return &kinds[i];
    return NULL;
}

bool event_read(const struct db_result *rows, int row, struct event *ret,
                struct error *err)
{
    struct event event = {0};

    if (!db_row(rows, row, columns, &event, err))
        return false;
    event.what = event.kind ? event_kind_by_type(event.kind) : NULL;
    if (!event.what || !event.job_id || !event.job_type || !event.owner)
        return error_set(err, ERROR_INTERNAL, "internal_error",
                         "the event %lld is of no known kind",
                         (long long)event.seq);
    *ret = event;
    return true;
}
