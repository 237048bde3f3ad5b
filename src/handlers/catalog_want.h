/* What the payload of a training chooses, and what of it is not there. */
#ifndef HANDLERS_CATALOG_WANT_H
#define HANDLERS_CATALOG_WANT_H

#include "catalog.h"

#include <jansson.h>

struct want {
    json_t *schemas, *tables; /* borrowed lists of names; NULL: all */
    json_t *found;            /* those of the names that are there; a set */
};

/* invalid_payload where it is not as it must be; want_done() it either way. */
bool want_read(json_t *payload, struct want *ret,
               struct catalog_options *ret_options, struct fault *err);

void want_done(struct want *want);

/* Whether a schema is wanted; `standard` is for where none is named. */
bool want_schema(struct want *want, const char *name, bool standard);

/* False nothing_found: names are given, and nothing is there. */
bool want_check(const struct want *want, int table_count, struct fault *err);

/* The member "warnings": of each name that is not there. */
void want_write_warnings(const struct want *want, struct text *out);

#endif
