#include "db_private.h"

#include <talloc.h>

struct db {
    const char *url, *session;
    struct db_conn *conn; /* NULL after a connection could not be opened */
    bool in_transaction;  /* after the last statement */
};

bool db_open(void *mem, const char *url, struct db **ret, struct error *err)
{
    return db_open_limited(mem, url, 0, ret, err);
}

bool db_open_limited(void *mem, const char *url, int limit_ms, struct db **ret,
                     struct error *err)
{
    struct db *db = talloc_zero(mem, struct db);

    db->url = talloc_strdup(db, url);
    db->session = DB_SESSION;
    if (limit_ms > 0)
        db->session = talloc_asprintf(
            db, DB_SESSION "; set statement_timeout = %d", limit_ms);
    if (!db_conn_open(db, db->url, db->session, &db->conn, err)) {
        talloc_free(db);
        return false;
    }
    *ret = db;
    return true;
}

/*
 * Have a connection that is good as far as can be told. One that was lost in
 * the middle of a transaction is not replaced silently: the statement would
 * take effect without those before it.
 */
static bool be_connected(struct db *db, struct error *err)
{
    bool in_transaction = db->in_transaction;

    if (db->conn && !db_conn_lost(db->conn))
        return true;
    talloc_free(db->conn);
    db->conn = NULL;
    db->in_transaction = false;
    if (in_transaction)
        return error_set(err, ERROR_UNAVAILABLE, "database_unavailable",
                         "the connection was lost within a transaction");
    return db_conn_open(db, db->url, db->session, &db->conn, err);
}

/* Hand out the answer of the server, good or bad. */
static bool take(struct db *db, void *mem, PGresult *pg, struct db_result **ret,
                 struct error *err)
{
    PGTransactionStatusType status = PQtransactionStatus(db->conn->pg);

    db->in_transaction = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    if (!db_result_ok(pg)) {
        db_fail_statement(db->conn, pg, err);
        PQclear(pg);
        return false;
    }
    *ret = db_result_new(mem, pg);
    return true;
}

bool db_query(struct db *db, void *mem, const char *sql, struct db_args args,
              struct db_result **ret, struct error *err)
{
    if (!be_connected(db, err))
        return false;
    return take(db, mem,
                PQexecParams(db->conn->pg, sql, args.count, NULL, args.values,
                             NULL, NULL, 0),
                ret, err);
}

bool db_exec(struct db *db, const char *sql, struct db_args args,
             int64_t *ret_count, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, db, sql, args, &rows, err))
        return false;
    if (ret_count)
        *ret_count = db_changed(rows);
    talloc_free(rows);
    return true;
}

bool db_script(struct db *db, const char *sql, struct error *err)
{
    struct db_result *rows;

    if (!be_connected(db, err) ||
        !take(db, db, PQexec(db->conn->pg, sql), &rows, err))
        return false;
    talloc_free(rows);
    return true;
}
