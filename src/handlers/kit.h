/*
 * The handler kit: the contract between Millrace and a handler, as a few
 * functions. It needs nothing but jansson, so that any C program can use it.
 *
 * A program handler (one process a job) calls kit_start() first, then
 * kit_payload(), does its work, and ends with `return kit_result(...)` or
 * `return kit_fail(...)` from main. Without Millrace around it, for a try by
 * hand, it reads and writes in the current folder and its events go nowhere.
 *
 * A process handler (one warm process, many jobs) calls kit_serve().
 */
#ifndef HANDLERS_KIT_H
#define HANDLERS_KIT_H

#include "fault.h"

#include <jansson.h>
#include <limits.h>

/* Take hold of the event channel and of SIGTERM. Call it before any open(). */
void kit_start(void);

/* The facts about the job; never NULL. */
const char *kit_job_id(void);
int kit_attempt(void);

/* The payload, to be json_decref'd. No input at all counts as {}. */
bool kit_payload(json_t **ret, struct fault *err);

/*
 * The path of an input file by its name: an uploaded one, else an artifact of a
 * job that this one depends on. With name NULL, of the only one there is. ret
 * has room for PATH_MAX bytes.
 */
bool kit_input(const char *name, char *ret, struct fault *err);

/* Tell how far the job is. Only a new whole percentage is sent. */
void kit_progress(double percent, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * A file that becomes an artifact when it is whole: write to .temp, then
 * kit_output_keep() gives it its name. A kill between the two leaves nothing.
 */
struct kit_output {
    char temp[PATH_MAX];
    char path[PATH_MAX];
};

bool kit_output_begin(const char *name, struct kit_output *ret,
                      struct fault *err);
bool kit_output_keep(const struct kit_output *out, struct fault *err);
void kit_output_drop(const struct kit_output *out);

/* Where large scratch files should go; valid until the process ends. */
const char *kit_scratch_dir(void);

/* Print the result (and drop the reference). Returns the exit code. */
int kit_result(json_t *result);

/* Report the job's error (and drop details, may be NULL). Returns status. */
int kit_fail(int status, const char *code, json_t *details, const char *fmt,
             ...) __attribute__((format(printf, 4, 5)));

/* The same for a fault, its place in the input as details. */
int kit_fail_with(const struct fault *fault);

/* One job of a process handler. The strings live until its end. */
struct kit_job {
    const char *id, *type, *input_dir, *output_dir;
    int attempt;
    json_t *payload; /* borrowed */
    struct channel *channel;
    bool ended; /* a result or an error has been sent */
};

typedef void kit_job_fn(struct kit_job *job, void *arg);

/*
 * Run fn for each job on stdin until it ends; returns the exit code. A job
 * that fn leaves without an end fails with code "no_result".
 */
int kit_serve(kit_job_fn *fn, void *arg);

void kit_job_progress(struct kit_job *job, int percent, const char *message);
void kit_job_log(struct kit_job *job, const char *text);
void kit_job_result(struct kit_job *job, json_t *result);
void kit_job_error(struct kit_job *job, const char *code, bool retry,
                   json_t *details, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

#endif
