#ifndef JOB_RUN_H
#define JOB_RUN_H

#include "db.h"

/*
 * What a worker says to the database about runs, and what it hears: the
 * parameters of the statements in sql/queries/run.sql, built on `mem`, and
 * their rows. Nothing is sent here, so a loop and a test can both use it. Text
 * of rows points into the result.
 */

/* The most that a run may say: bytes of its result, lines and bytes of its log,
 * bytes of a line or message. */
#define RUN_RESULT    (1024 * 1024)
#define RUN_LOG_LINES 10000
#define RUN_LOG_BYTES (1024 * 1024)
#define RUN_LOG_LINE  8192

/* A run that was claimed. `files` is an array of ids as PostgreSQL writes it.
 */
struct run {
    const char *id, *type, *queue, *retry, *payload, *files;
    int32_t attempt, max_attempts;
    int64_t timeout_ms, heartbeat_ms; /* heartbeat 0: may be silent */
    bool has_dependencies;
};

/* How many jobs of each type there is room for, and of all of them together. */
struct run_rooms {
    const char **types;
    int *rooms;
    int count, total;
};

/* Free slots for programs that are kept for jobs of a queue. */
struct run_reserves {
    const char **queues;
    int *counts;
    int count;
};

/* Programs share a worker's slots, processes have room of their own. */
struct run_ask {
    const char *worker;
    const char *queues; /* array text; NULL is all */
    struct run_rooms programs, processes;
    struct run_reserves reserves; /* of programs.total */
};

/* SQL_RUN_CLAIM */
struct db_args run_claim_args(void *mem, const struct run_ask *ask);

/* SQL_RUN_BEAT: a heartbeat and a claim in one. */
struct run_beat {
    bool alive;       /* else this worker was taken for dead */
    const char *stop; /* ids of runs that are to be cancelled, with commas */
    int32_t rescued, promoted;
    int64_t due_ms; /* until the next waiting job is due; -1: none waits */
};

struct db_args run_beat_args(void *mem, const struct run_ask *ask,
                             int silence_ms, int64_t idempotency_ttl_ms);
bool run_beat_row(const struct db_result *rows, struct run_beat *ret,
                  struct error *err) MUST_CHECK;

/* A row of either; of a beat's that claimed nothing, the id is NULL. */
bool run_row(const struct db_result *rows, int row, struct run *ret,
             struct error *err) MUST_CHECK;

/* A run by its name; what SQL_RUN_HELD gives. */
struct run_name {
    const char *id;
    int32_t attempt;
};

bool run_name_row(const struct db_result *rows, int row, struct run_name *ret,
                  struct error *err) MUST_CHECK;

/* How a run ended: SQL_RUN_FINISH and SQL_RUN_FINISH_AGAIN. */
struct run_end {
    const char *id;
    int attempt;
    const char *state; /* completed, discarded, cancelled, retryable, or
                          available: given back, the attempt not counted */
    const char *result, *error, *artifacts; /* JSON or NULL */
    const char *facts; /* JSON of what is known of the run, or NULL */
    int64_t delay_ms;  /* of a retryable one */
};

struct db_args run_finish_args(void *mem, const char *worker,
                               const struct run_end *const *ends, int count);

/* SQL_RUN_REPORT */
struct run_progress {
    const char *id;
    int attempt;
    int percent;         /* -1 leaves it as it is */
    const char *message; /* NULL as well */
};

struct db_args run_report_args(void *mem, const char *worker,
                               const struct run_progress *reports, int count);

/* SQL_RUN_ADD_LOG */
struct run_line {
    const char *id;
    int attempt;
    int64_t at_ms;
    const char *text;
};

struct db_args run_log_args(void *mem, const char *worker,
                            const struct run_line *lines, int count);

/* SQL_RUN_WORKER_BEGIN */
struct run_worker {
    const char *id, *name, *host, *version;
    int pid, slots;
    const char *queues, *types; /* array texts; queues NULL is all */
    const char *reserves;       /* for each queue; NULL: none */
};

struct db_args run_worker_args(void *mem, const struct run_worker *worker);

#endif
