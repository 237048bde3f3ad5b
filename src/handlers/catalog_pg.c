#include "catalog_db.h"
#include "catalog_sql.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FIELDS = 16, CONNECT_S = 10 };

static bool has(const char *text, const char *words)
{
    return strstr(text, words) != NULL;
}

/* libpq tells no SQLSTATE of a connection that was refused. */
static bool refused(PGconn *conn, struct fault *err)
{
    const char *text = PQerrorMessage(conn);

    if (has(text, "password authentication failed") ||
        has(text, "pg_hba.conf") || has(text, "role ") ||
        PQconnectionNeedsPassword(conn) || PQconnectionUsedPassword(conn))
        return fault_set(err, FAULT_DATA,
                         has(text, "database \"") ? "unknown_database"
                                                  : "access_denied",
                         "the database refuses the connection: %s", text);
    if (has(text, "database \""))
        return fault_set(err, FAULT_DATA, "unknown_database",
                         "the database refuses the connection: %s", text);
    if (has(text, "SSL") || has(text, "certificate"))
        return fault_set(err, FAULT_DATA, "tls_failed",
                         "no safe connection to the database: %s", text);
    return fault_set(err, FAULT_RETRY, "database_unreachable",
                     "the database cannot be reached: %s", text);
}

static bool failed(PGconn *conn, const PGresult *result, struct fault *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (!state || !strncmp(state, "08", 2) || !strncmp(state, "57P", 3))
        return fault_set(err, FAULT_RETRY, "database_lost",
                         "the connection to the database was lost: %s",
                         PQerrorMessage(conn));
    return fault_set(err, FAULT_DATA,
                     strcmp(state, "42501") ? "query_failed" : "access_denied",
                     "the database refuses to answer (%s): %s", state,
                     PQresultErrorMessage(result));
}

static bool take(const PGresult *result, row_fn *row, void *arg,
                 struct fault *err)
{
    const char *fields[MAX_FIELDS] = {0};
    int count = PQnfields(result);

    for (int i = 0; i < count && i < MAX_FIELDS; i++)
        fields[i] = PQgetisnull(result, 0, i) ? NULL : PQgetvalue(result, 0, i);
    return row(arg, fields, err);
}

/* All results of a statement; after a failure the rest is only drained. */
static bool take_all(PGconn *conn, row_fn *row, void *arg, struct fault *err)
{
    PGresult *result;
    bool ok = true;

    while ((result = PQgetResult(conn))) {
        ExecStatusType status = PQresultStatus(result);

        if (!ok)
            ; /* the first failure is the one that is told */
        else if (status == PGRES_SINGLE_TUPLE)
            ok = take(result, row, arg, err);
        else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            ok = failed(conn, result, err);
        PQclear(result);
    }
    return ok;
}

static bool query(void *connection, const char *sql, const char *parameter,
                  row_fn *row, void *arg, struct fault *err)
{
    PGconn *conn = connection;

    if (!PQsendQueryParams(conn, sql, parameter ? 1 : 0, NULL, &parameter, NULL,
                           NULL, 0))
        return fault_set(err, FAULT_RETRY, "database_lost",
                         "the connection to the database was lost: %s",
                         PQerrorMessage(conn));
    PQsetSingleRowMode(conn);
    return take_all(conn, row, arg, err);
}

static void finish(void *connection)
{
    PQfinish(connection);
}

static const struct catalog_driver driver = {.query = query, .close = finish};

static bool ignore_row(void *arg, const char *const *fields, struct fault *err)
{
    (void)arg, (void)fields, (void)err;
    return true;
}

/* All is read as it was at one moment; names in what the server prints are
 * qualified. */
static bool prepare(struct catalog_db *db, int timeout_s, struct fault *err)
{
    char limit[64];

    snprintf(limit, sizeof(limit), "set local statement_timeout = '%ds'",
             timeout_s > 0 ? timeout_s : 60);
    return catalog_query(db, "begin isolation level repeatable read, read only",
                         NULL, ignore_row, NULL, err) &&
           catalog_query(db, "set local search_path = pg_catalog", NULL,
                         ignore_row, NULL, err) &&
           catalog_query(db, limit, NULL, ignore_row, NULL, err);
}

static bool begin(PGconn *conn, int timeout_s, struct catalog_db *ret,
                  struct fault *err)
{
    *ret = (struct catalog_db){
        .dialect = &dialect_postgresql, .driver = &driver, .connection = conn};
    if (PQstatus(conn) == CONNECTION_OK ? prepare(ret, timeout_s, err)
                                        : refused(conn, err))
        return true;
    catalog_close(ret);
    return false;
}

bool catalog_open_postgresql(const struct place *place, struct catalog_db *ret,
                             struct fault *err)
{
    char port[16], timeout[16];
    const char *names[] = {"host",
                           "port",
                           "dbname",
                           "user",
                           "password",
                           "sslmode",
                           "sslrootcert",
                           "connect_timeout",
                           "client_encoding",
                           "application_name",
                           NULL};
    const char *values[] = {place->host,
                            port,
                            place->database,
                            place->user,
                            place->password,
                            place->ssl_mode,
                            place_ca_file(place),
                            timeout,
                            "UTF8",
                            "millrace",
                            NULL};

    snprintf(port, sizeof(port), "%d", place->port ? place->port : 5432);
    snprintf(timeout, sizeof(timeout), "%d", CONNECT_S);
    return begin(PQconnectdbParams(names, values, 0), place->timeout_s, ret,
                 err);
}

bool catalog_open_url(const char *url, struct catalog_db *ret,
                      struct fault *err)
{
    const char *names[] = {"dbname", "connect_timeout", "client_encoding",
                           "fallback_application_name", NULL};
    const char *values[] = {url, "10", "UTF8", "millrace", NULL};

    return begin(PQconnectdbParams(names, values, 1), 0, ret, err);
}
