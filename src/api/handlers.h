#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "http.h"

/* Every handler of the route table, by the file that holds it. */

/* h_enqueue.c, h_batch.c */
handler_fn post_job, post_batch;

/* h_batch.c, h_batches.c, h_events.c */
handler_fn post_batches, post_batch_jobs, get_batches, get_batch, close_batch;
handler_fn cancel_batch, get_batch_events;

/* h_jobs.c, h_job.c */
handler_fn get_jobs, get_job, get_job_status;

/* h_output.c */
handler_fn get_logs, get_artifacts, get_artifact;

/* h_change.c, h_bulk.c */
handler_fn cancel_job, retry_job, discard_job, patch_job;
handler_fn cancel_jobs, retry_jobs, discard_jobs;

/* h_explain.c */
handler_fn explain_job, get_attempts, get_failures;

/* h_events.c */
handler_fn get_job_events, get_events;

/* h_report.c */
handler_fn post_report;

/* h_files.c */
handler_fn post_files, get_file, delete_file;

/* h_analysis.c, h_analysis_job.c */
handler_fn post_analysis, get_analysis, get_report;

/* h_import.c */
handler_fn post_mysql_import;

/* h_session.c */
handler_fn post_session, get_session, delete_session;

/* h_schedules.c, h_schedule_change.c */
handler_fn get_schedules, get_schedule, get_schedule_next, post_schedule,
    put_schedule, delete_schedule, pause_schedule, resume_schedule,
    run_schedule;

/* h_connections.c */
handler_fn get_connections, get_connection, post_connection, put_connection,
    delete_connection, test_connection;

/* h_schema_cache.c */
handler_fn train_schema, get_schema_cache, delete_schema_cache;

/* h_queues.c, h_operate.c */
handler_fn get_queues, get_queue, put_queue, pause_queue, resume_queue;
handler_fn pause_type, resume_type, get_workers, get_owners, put_owner;
handler_fn get_stats;

/* h_about.c */
handler_fn get_types, get_health, get_readiness;

#endif
