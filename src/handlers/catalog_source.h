/* The connection of the job, as the worker hands it over. */
#ifndef HANDLERS_CATALOG_SOURCE_H
#define HANDLERS_CATALOG_SOURCE_H

#include "catalog_db.h"

#include <jansson.h>

struct source {
    const char *kind;     /* postgresql or mysql */
    const char *database; /* as the connection names it; NULL: it does not */
};

/*
 * Open what the file MILLRACE_CONNECTION describes; without it
 * TARGET_DATABASE_URL, a connection string of PostgreSQL that the type file
 * gives. Neither: no_connection. Strings are on `mem`.
 */
bool source_open(void *mem, struct source *ret, struct catalog_db *ret_db,
                 struct fault *err);

/* Open what such a file has in it. */
bool source_open_described(void *mem, json_t *json, struct source *source,
                           struct catalog_db *ret, struct fault *err);

#endif
