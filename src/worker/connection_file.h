#ifndef WORKER_CONNECTION_FILE_H
#define WORKER_CONNECTION_FILE_H

#include "input.h"
#include "type.h"

/*
 * The saved connection that a job names in its payload: a file in the folder of
 * its run that only the worker's user can read, and that goes with it.
 * {"id", "name", "kind", "host", "port", "database", "user", "password",
 * "sslMode", "options": {"caFile"}}; what it has not is not there.
 */

/* The id or name that a payload has, on `mem`; NULL where it has none, or the
 * type takes none. */
char *connection_named(void *mem, const struct job_type *type,
                       const char *payload);

/*
 * Make the file of attempt->connection, whose password is one of the attempt's
 * secrets then, and call `done`. Failures: unknown_connection,
 * unsupported_connection, forbidden_host, sealed_connection, which are final;
 * no_key, invalid_key, unknown_host, connection_failed.
 */
void connection_file_make(struct attempt *attempt, input_fn *done);

/* Its path, on `mem`. */
char *connection_file_path(void *mem, const struct attempt *attempt);

#endif
