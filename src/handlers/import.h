/* What a mysql-import reads beside the catalog. */
#ifndef HANDLERS_IMPORT_H
#define HANDLERS_IMPORT_H

#include "catalog.h"
#include "tunnel.h"

#include <jansson.h>

/* The payload. Strings are borrowed from it, or on `mem`. */
struct import {
    struct place place;
    bool by_ssh;
    struct ssh_place ssh;
};

/* invalid_payload where it is not as it must be. */
bool import_read(void *mem, json_t *payload, struct import *ret,
                 struct fault *err);

/* The elements of lists: foreign keys as edges between tables of the schema,
 * and a warning for each that leads out of it. */
bool import_edges(void *mem, const struct catalog_db *db,
                  const struct schema *schema, struct text *edges,
                  struct text *warnings, int *ret_count, struct fault *err);

/* What a schema has and a diagram of it cannot show. */
bool import_features(const struct catalog_db *db, const struct schema *schema,
                     struct text *features, struct fault *err);

/* What one who imports the schema should know of its tables. */
void import_warn(const struct schema *schema, struct text *warnings);

/* One warning more. */
void import_warning(struct text *warnings, const char *code, const char *table,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
