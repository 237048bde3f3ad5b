/*
 * An open connection to a database whose catalog is read, PostgreSQL or
 * MySQL/MariaDB: statements with text parameters, rows one at a time as they
 * come over the wire. Nothing is held but the row.
 */
#ifndef HANDLERS_CATALOG_DB_H
#define HANDLERS_CATALOG_DB_H

#include "fault.h"

/* Where the database is and who asks. NULL or 0: the usual. */
struct place {
    const char *host, *database, *user, *password;
    const char *ssl_mode; /* disable, prefer, require, verify-ca, verify-full */
    const char *ca_file;  /* NULL: those that the system trusts */
    const char *socket;   /* a unix socket that leads there instead: a tunnel */
    int port;
    int timeout_s; /* without an answer; 0: 60 */
};

/* The statements of a kind of database. Each gives the same columns, as the
 * comments say, in the order table, object, place of the column; all but the
 * first two take a schema's name as their parameter. */
struct dialect {
    const char *version;     /* one row: the server's */
    const char *schemas;     /* name: those that are the user's own */
    const char *tables;      /* name, kind, rows, comment, engine */
    const char *columns;     /* table, name, type, nullable, default, generated,
                                identity, comment, key ("PRI") */
    const char *constraints; /* table, name, type, column, definition */
    const char *checks;      /* the same; NULL: they are among those */
    const char *indexes;     /* table, name, unique, method, column, where */
    const char *foreign_keys; /* table, name, column, other schema, other
                                 table, other column, on update, on delete */
};

struct catalog_db {
    const struct dialect *dialect;
    const struct catalog_driver *driver;
    void *connection;
};

/* A row's fields as text, NULL for null. False ends the query. */
typedef bool row_fn(void *arg, const char *const *fields, struct fault *err);

/*
 * Codes: database_unreachable, database_lost, database_busy (FAULT_RETRY);
 * access_denied, unknown_database, tls_failed, query_failed (FAULT_DATA).
 * Messages of the server go into the text.
 */
struct catalog_driver {
    bool (*query)(void *connection, const char *sql, const char *parameter,
                  row_fn *row, void *arg, struct fault *err);
    void (*close)(void *connection);
};

/* Whether the server has to prove who it is, and with whose certificate; NULL:
 * with nobody's. */
bool place_verifies(const struct place *place);
const char *place_ca_file(const struct place *place);

bool catalog_open_postgresql(const struct place *place, struct catalog_db *ret,
                             struct fault *err);
/* By a connection string of libpq's instead. */
bool catalog_open_url(const char *url, struct catalog_db *ret,
                      struct fault *err);
bool catalog_open_mysql(const struct place *place, struct catalog_db *ret,
                        struct fault *err);

/* One statement with a parameter or none (NULL). */
bool catalog_query(const struct catalog_db *db, const char *sql,
                   const char *parameter, row_fn *row, void *arg,
                   struct fault *err);
void catalog_close(struct catalog_db *db);

#endif
