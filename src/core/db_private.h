#ifndef CORE_DB_PRIVATE_H
#define CORE_DB_PRIVATE_H

#include "db.h"

#include <libpq-fe.h>

/*
 * What the blocking and the event-driven side share: connections, results, and
 * the meaning of errors. Only the db files include this.
 */

/* A libpq connection; its context closes it. */
struct db_conn {
    PGconn *pg;
    bool leaving; /* the server has said that it ends this connection */
};

/* A result lives as long as the context it was asked for with. */
struct db_result {
    PGresult *pg;
};

/* What every session begins with. Said in SQL, since PgBouncer carries a set
 * time zone from server to server, but refuses it as a startup option. */
#define DB_SESSION "set time zone 'UTC'"

/* Connect and begin the session with these statements; blocks. */
bool db_conn_open(void *mem, const char *url, const char *session,
                  struct db_conn **ret, struct error *err) MUST_CHECK;

/* Begin to connect; the caller goes on with PQconnectPoll. */
struct db_conn *db_conn_start(void *mem, const char *url);

/* Whether the connection is gone, as far as can be told without asking the
 * server. Only between statements. Never blocks. */
bool db_conn_lost(struct db_conn *conn);

/* Hang a result on `mem`. */
struct db_result *db_result_new(void *mem, PGresult *pg);

bool db_result_ok(const PGresult *pg);

/* Say why connecting, or a statement, failed; `pg` may be NULL. Both return
 * false. The text is one line and never holds the password. */
bool db_fail_connect(const struct db_conn *conn, const char *url,
                     struct error *err);
bool db_fail_statement(const struct db_conn *conn, const PGresult *pg,
                       struct error *err);

#endif
