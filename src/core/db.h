#ifndef CORE_DB_H
#define CORE_DB_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The one place that knows libpq. Two ways to ask: blocking (struct db, for the
 * API's threads and the command line) and from an event loop (struct dba in
 * dba.h). Both give the same results. No prepared statements: everything works
 * through PgBouncer in transaction mode; hot statements are SQL functions,
 * whose plans the server keeps.
 */
struct db;
struct db_result;

/* Text parameters $1… of a statement; a NULL among them is null. */
struct db_args {
    int count;
    const char *const *values;
};

#define DB_ARGS(...)                                                           \
    ((struct db_args){                                                         \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *),     \
        (const char *const[]){__VA_ARGS__}})
#define DB_NO_ARGS ((struct db_args){0, NULL})

/* Connect (5 s limit unless the URL says another). Sets time zone UTC. */
bool db_open(void *mem, const char *url, struct db **ret,
             struct error *err) MUST_CHECK;

/* The same; the server gives up a statement that takes longer than this
 * (ERROR_UNAVAILABLE). */
bool db_open_limited(void *mem, const char *url, int limit_ms, struct db **ret,
                     struct error *err) MUST_CHECK;

/*
 * Run one statement with text parameters ($1…; NULL is null). The result lives
 * as long as `mem`. A lost connection is opened anew before the statement is
 * sent, never after: a statement is not repeated behind the caller's back.
 * SQLSTATE decides the kind: connection and shutdown errors, too many
 * connections, lock/serialization trouble are ERROR_UNAVAILABLE with code
 * "database_unavailable"; an exception raised by our SQL functions with
 * errcode MRxxx maps by table (db_error.c) to its kind and its code = the
 * exception's detail; data errors (class 22, 23) ERROR_INVALID; the rest
 * ERROR_INTERNAL.
 */
bool db_query(struct db *db, void *mem, const char *sql,
              struct db_args args, struct db_result **ret,
              struct error *err) MUST_CHECK;

/* The same for a statement whose rows nobody wants. ret_count may be NULL. */
bool db_exec(struct db *db, const char *sql, struct db_args args,
             int64_t *ret_count, struct error *err) MUST_CHECK;

/* Several statements in one string without parameters (migrations). */
bool db_script(struct db *db, const char *sql, struct error *err) MUST_CHECK;

/* How many rows; the rows that a statement changed. */
int db_count(const struct db_result *rows);
int64_t db_changed(const struct db_result *rows);

/* One field by row and column name; NULL where null. Points into the result. */
const char *db_text(const struct db_result *rows, int row, const char *column);

/*
 * A row into a struct, column by *name*. The member's C type picks the decoder,
 * so the two cannot disagree. Numbers that are null become 0, text NULL; a
 * missing column or an overflow is ERROR_INTERNAL with the column in the text.
 * Text points into the result.
 */
enum db_type { DB_TEXT, DB_BOOL, DB_INT4, DB_INT8 };

struct db_column {
    const char *name;
    size_t offset;
    enum db_type type;
};

#define DB_COLUMN(type_, member)                                               \
    {                                                                          \
        .name = #member, .offset = offsetof(type_, member),                    \
        .type = _Generic(((type_ *)0)->member,                                 \
            const char *: DB_TEXT, bool: DB_BOOL,                              \
            int32_t: DB_INT4, int64_t: DB_INT8)                                \
    }

/* `columns` ends with an empty row: {0}. */
bool db_row(const struct db_result *rows, int row,
            const struct db_column *columns, void *ret,
            struct error *err) MUST_CHECK;

/*
 * An array parameter in PostgreSQL's text form, built value by value:
 * db_array_new, db_array_add (NULL is null), db_array_text.
 */
struct db_array;

struct db_array *db_array_new(void *mem);
void db_array_add(struct db_array *array, const char *value);
void db_array_add_int(struct db_array *array, int64_t value);
const char *db_array_text(struct db_array *array);

/* An int as a text parameter. */
const char *db_int(void *mem, int64_t value);

#endif
