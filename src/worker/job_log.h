#ifndef WORKER_JOB_LOG_H
#define WORKER_JOB_LOG_H

#include "attempt.h"
#include "dba.h"

/*
 * Lines that jobs have logged and the database has not. A job's log has limits,
 * so that one that cannot stop talking harms nobody; its last line says where
 * it was cut.
 */
#define JOB_LOG_MAX_LINES RUN_LOG_LINES
#define JOB_LOG_MAX_BYTES RUN_LOG_BYTES
#define JOB_LOG_MAX_LINE  RUN_LOG_LINE

struct job_log;

struct job_log *job_log_new(void *mem, struct worker *worker);
void job_log_add(struct job_log *log, struct attempt *attempt, const char *line,
                 size_t len);
bool job_log_empty(const struct job_log *log);

/* A round sends, statement by statement, what is there when it begins. */
void job_log_begin_round(struct job_log *log);

/* Send the next statement of the round; false where there is none. */
bool job_log_send(struct job_log *log, dba_fn *done, void *arg);

/* What was sent is stored, or never will be. */
void job_log_told(struct job_log *log);

/* Between rounds: forget the lines of attempts that are no longer ours. */
void job_log_drop_lost(struct job_log *log);

#endif
