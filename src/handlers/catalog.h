/*
 * What a database knows of itself, read schema by schema: the tables first,
 * then the columns, constraints, indexes and foreign keys of all of them, each
 * by one statement, however many tables there are. What a table has is kept as
 * the JSON that it becomes, so that the memory is about the size of the result.
 */
#ifndef HANDLERS_CATALOG_H
#define HANDLERS_CATALOG_H

#include "catalog_db.h"
#include "catalog_text.h"

/* More than that is no schema to look at, but a mistake. */
#define CATALOG_MAX_BYTES (64 * 1024 * 1024)

/* Whether a table is wanted; arg is the options'. */
typedef bool wants_fn(void *arg, const char *schema, const char *table);

struct catalog_options {
    bool columns, types, constraints, indexes, foreign_keys;
    wants_fn *wants; /* NULL: all are */
    void *arg;
};

struct table {
    const char *name, *kind, *rows, *comment, *engine;
    bool has_primary_key;
    int column_count;
    /* Elements without the brackets around them. */
    struct text columns, constraints, indexes, foreign_keys;
};

struct schema {
    const char *name;
    struct table *tables; /* by their names, in the order of bytes */
    int count, size;
};

/* How far a catalog's reading is. */
struct catalog_progress {
    double done, total; /* tables times what is read of each */
    size_t bytes;
};

/* The tables of a schema, without what they have. */
bool catalog_tables(void *mem, const struct catalog_db *db, const char *name,
                    const struct catalog_options *options, struct schema *ret,
                    struct fault *err);

/* How many statements catalog_details will need for a schema. */
int catalog_sections(const struct catalog_db *db,
                     const struct catalog_options *options);

/* What the tables of a schema have. Tells by kit_progress how far it is. */
bool catalog_details(const struct catalog_db *db,
                     const struct catalog_options *options,
                     struct schema *schema, struct catalog_progress *progress,
                     struct fault *err);

/* A table by its name; NULL: it is not among them. */
struct table *catalog_find(const struct schema *schema, const char *name);

/* Add the members of a table to an object that is begun. */
void catalog_write_table(struct text *out, const struct table *table,
                         const struct catalog_options *options);

#endif
