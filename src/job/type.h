#ifndef JOB_TYPE_H
#define JOB_TYPE_H

#include "db.h"
#include "json.h"

/* One process a job, a warm process for many, or a request to a FastCGI or a
 * web server. */
enum type_kind { TYPE_PROGRAM, TYPE_PROCESS, TYPE_FASTCGI, TYPE_HTTP };

/* What a handler may use; 0 is no limit. */
struct type_limits {
    int64_t memory;    /* bytes */
    int64_t cpu_ms;    /* of one process */
    int64_t files;     /* open at once */
    int64_t file_size; /* bytes */
    int64_t processes; /* of the worker's user, all handlers together */
};

/* What a handler has that is not trusted; all that it starts together. */
struct type_sandbox {
    bool on;
    int64_t memory, tmp_size;         /* bytes; /tmp is memory too */
    int64_t output_size;              /* bytes */
    int64_t output_files, cpu_ms;     /* cpu_ms 0 is no limit */
    int64_t processes;
    const char **read_only; /* more paths; NULL-terminated, or NULL */
};

enum type_body { BODY_PAYLOAD, BODY_JOB };

/* Where the jobs of the kind http go, and how. */
struct type_http {
    const char *url; /* or, begun by "/", where it stands in the payload */
    const char *secret, *secret_file; /* for signatures; one is not NULL */
    const char **headers;             /* "Name: value", ... NULL; or NULL */
    const char *ca_file;              /* NULL: the system's */
    const char **allow; /* networks that are allowed though they are not public;
                           NULL-terminated, or NULL */
    enum type_body body;
    int64_t breaker_failures; /* in a row, after which it opens */
    int64_t breaker_pause_ms; /* for so long */
};

/*
 * A job type, as a file in types.d/ describes it. Where the file is silent, the
 * members have their defaults.
 */
struct job_type {
    const char *text; /* of the file, to tell whether it has changed */
    const char *type, *description, *queue;
    int64_t priority, timeout_ms, max_attempts;
    const char *retry;               /* JSON text; NULL is the default policy */
    const char *options, *retention; /* JSON text; NULL: none */

    enum type_kind kind;
    const char **command;         /* NULL-terminated, at least the program */
    const char **env;             /* NAME, value, NAME, value, ... NULL */
    const char *cwd;              /* NULL: the run's own folder */
    int64_t processes, pipeline;  /* warm ones, and jobs in flight in each */
    int64_t max_jobs, max_age_ms; /* of a warm process; 0 is no limit */
    const char *socket, *script;  /* of a FastCGI server */
    const char **params;          /* as env */
    struct type_http http;
    int64_t max_in_flight, connect_timeout_ms; /* of requests to a server */
    int64_t max_response;                      /* bytes of an answer to one */
    bool files; /* its jobs have folders for input and output */
    struct type_limits limits;
    struct type_sandbox sandbox;
    const char **connection; /* kinds of saved databases that its jobs may name;
                                NULL-terminated, or NULL */
    int64_t concurrency; /* jobs at once on all workers; 0: any number */
    int64_t per_worker;  /* jobs at once on one; 0: as many as fit */
};

struct job_types {
    struct job_type *list;
    int count;
};

/*
 * Read one description; `type` gets its strings on `mem`. ERROR_INVALID names
 * the member that is wrong: "run.command must be ...".
 */
bool type_read(void *mem, const char *text, size_t len, struct job_type *ret,
               struct error *err) MUST_CHECK;

/* Whether its jobs may name a saved database of a kind. */
bool type_takes_connection(const struct job_type *type, const char *kind);

/* A URL of http or https, with a host and without a user. */
bool type_is_web_url(const char *text);

/*
 * Read every *.json file of a folder, in the order of their names, on `mem`.
 * All or nothing: an error names the file. Two files of one type are an error.
 */
bool type_read_all(void *mem, const char *dir, struct job_types *ret,
                   struct error *err) MUST_CHECK;

/* The parameters of SQL_TYPE_REGISTER, on `mem`. */
struct db_args type_register_args(void *mem, const struct job_types *types);

/* The names as an array parameter, on `mem`. */
const char *type_names(void *mem, const struct job_types *types);

#endif
