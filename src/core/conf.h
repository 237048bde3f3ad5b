#ifndef CORE_CONF_H
#define CORE_CONF_H

#include "error.h"

#include <stdint.h>
#include <stdio.h>

/*
 * The settings, from the one table in conf.c: name, type, limits, default,
 * one-line text. A value comes from, in falling order: the environment, the
 * file (--config FILE, or $MILLRACE_CONFIG, or SYSCONFDIR/millrace/millrace.conf
 * if it is there; lines NAME=value, # begins a comment), the default. An empty
 * value is the default too.
 * Unknown names in the file are an error; so are values outside their limits.
 * Derived defaults (such as the sockets under run_dir) are filled in by
 * conf_read. To add a setting: 1. a member here, 2. a row in conf.c's table,
 * 3. a row in doc/millrace.conf.5 (a test holds the two together).
 */
struct conf {
    const char *database_url;     /* DATABASE_URL: libpq conninfo or URI */
    const char *url;              /* MILLRACE_URL: of the API, for millrace(1) */
    const char *token;            /* MILLRACE_TOKEN: for millrace(1) */
    const char *run_dir;          /* MILLRACE_RUN_DIR: sockets */
    const char *data_dir;         /* MILLRACE_DATA_DIR: files/ artifacts/ work/ */
    const char *types_dir;        /* MILLRACE_TYPES_DIR */
    const char *handler_dir;      /* MILLRACE_HANDLER_DIR: relative commands */
    const char *bubblewrap;       /* MILLRACE_BUBBLEWRAP */
    const char *key_file;         /* MILLRACE_KEY_FILE: of saved passwords */
    const char *connection_hosts; /* MILLRACE_CONNECTION_HOSTS: comma list */
    const char *log_level;        /* MILLRACE_LOG_LEVEL */
    const char *api_socket;       /* MILLRACE_API_SOCKET: path or host:port */
    const char *stream_socket;    /* MILLRACE_STREAM_SOCKET: path or host:port */
    int64_t api_threads;          /* MILLRACE_API_THREADS */
    int64_t api_connections;      /* MILLRACE_API_CONNECTIONS: to PostgreSQL */
    int64_t api_waiters;          /* MILLRACE_API_WAITERS: Prefer: wait at once */
    int64_t max_wait;             /* MILLRACE_MAX_WAIT, ms */
    int64_t max_body;             /* MILLRACE_MAX_BODY, bytes of a JSON body */
    int64_t max_upload;           /* MILLRACE_MAX_UPLOAD, bytes of a file */
    int64_t session_ttl;          /* MILLRACE_SESSION_TTL, ms */
    int64_t idempotency_ttl;      /* MILLRACE_IDEMPOTENCY_TTL, ms */
    int64_t upload_ttl;           /* MILLRACE_UPLOAD_TTL, ms without a job */
    const char *worker_name;      /* MILLRACE_WORKER_NAME: unique, stable */
    int64_t slots;                /* MILLRACE_SLOTS: program jobs at once */
    const char *queues;           /* MILLRACE_QUEUES: comma list, "" = all */
    int64_t grace;                /* MILLRACE_GRACE, ms a stop waits for jobs */
    int64_t kill_grace;           /* MILLRACE_KILL_GRACE, ms SIGTERM..SIGKILL */
    int64_t sse_buffer;           /* MILLRACE_SSE_BUFFER, bytes a connection */
    int64_t sse_heartbeat;        /* MILLRACE_SSE_HEARTBEAT, ms */
};

/*
 * Read the settings of a daemon. Understands --config FILE, --help (prints the
 * table and exits 0) and --version. Strings live as long as `mem`.
 */
bool conf_read(void *mem, int argc, char *argv[], struct conf *ret,
               struct error *err) MUST_CHECK;

/* The same without a command line: for programs with one of their own. */
bool conf_load(void *mem, const char *file, struct conf *ret,
               struct error *err) MUST_CHECK;

/* Print every setting, its present value and its text, a line each; *** for
 * the password in DATABASE_URL. */
void conf_print(const struct conf *conf, FILE *out);

/* Print the table for --help. */
void conf_help(FILE *out);

#endif
