/* What a statement tells of many tables, added to each of them as it comes. */
#ifndef HANDLERS_CATALOG_SECTION_H
#define HANDLERS_CATALOG_SECTION_H

#include "catalog.h"

struct section {
    const struct catalog_db *db;
    const struct catalog_options *options;
    struct schema *schema;
    struct catalog_progress *progress;

    /* The table that the rows are of, and how many were met before it. */
    struct table *table;
    int met;
    /* What consists of several columns, one a row: the object that is open,
     * NULL none, and what it ends with. */
    char *object;
    struct text *out, other_columns, tail;
};

bool section_read(struct section *section, const char *sql, row_fn *row,
                  struct fault *err);

/* The rows of a dialect's statements; arg is a struct section. */
row_fn section_column, section_constraint, section_index, section_foreign_key;

#endif
