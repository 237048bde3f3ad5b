#include "db_private.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <talloc.h>

struct parameters {
    const char *names[10], *values[10];
    int count;
};

static void add(struct parameters *to, const char *name, const char *value)
{
    to->names[to->count] = name;
    to->values[to->count++] = value;
}

/*
 * libpq lets a later word win, so what stands before the URL is a default and
 * what stands behind it is law. The TCP limits find a host that has vanished
 * without a word, also while connecting: the next host of the URL is tried.
 */
static struct parameters parameters(const char *url)
{
    struct parameters ret = {0};

    add(&ret, "fallback_application_name", program_invocation_short_name);
    add(&ret, "connect_timeout", "5");
    add(&ret, "tcp_user_timeout", "10000");
    add(&ret, "keepalives_idle", "15");
    add(&ret, "keepalives_interval", "5");
    add(&ret, "dbname", url);
    add(&ret, "client_encoding", "UTF8");
    return ret;
}

/* Notices are for people at a terminal, but one that is fatal is the farewell
 * of a server that shuts down. */
static void on_notice(void *arg, const PGresult *notice)
{
    struct db_conn *conn = arg;
    const char *severity =
        PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
        conn->leaving = true;
}

static int conn_finish(struct db_conn *conn)
{
    PQfinish(conn->pg);
    return 0;
}

static struct db_conn *conn_new(void *mem, PGconn *pg)
{
    struct db_conn *conn = talloc_zero(mem, struct db_conn);

    assert(pg && PQisthreadsafe());
    conn->pg = pg;
    talloc_set_destructor(conn, conn_finish);
    PQsetNoticeReceiver(pg, on_notice, conn);
    return conn;
}

static bool begin_session(struct db_conn *conn, const char *session,
                          struct error *err)
{
    PGresult *pg = PQexec(conn->pg, session);
    bool ok = db_result_ok(pg) || db_fail_statement(conn, pg, err);

    PQclear(pg);
    return ok;
}

bool db_conn_open(void *mem, const char *url, const char *session,
                  struct db_conn **ret, struct error *err)
{
    struct parameters with = parameters(url);
    struct db_conn *conn =
        conn_new(mem, PQconnectdbParams(with.names, with.values, 1));
    bool ok = PQstatus(conn->pg) == CONNECTION_OK
                  ? begin_session(conn, session, err)
                  : db_fail_connect(conn, url, err);

    if (!ok) {
        talloc_free(conn);
        return false;
    }
    *ret = conn;
    return true;
}

struct db_conn *db_conn_start(void *mem, const char *url)
{
    struct parameters with = parameters(url);

    return conn_new(mem, PQconnectStartParams(with.names, with.values, 1));
}

static bool has_input(const struct db_conn *conn)
{
    struct pollfd socket = {.fd = PQsocket(conn->pg), .events = POLLIN};

    return poll(&socket, 1, 0) > 0;
}

bool db_conn_lost(struct db_conn *conn)
{
    /* What comes unasked is a notice, a changed parameter, or the end. */
    while (PQstatus(conn->pg) == CONNECTION_OK && has_input(conn))
        if (!PQconsumeInput(conn->pg))
            break;
    (void)PQisBusy(conn->pg); /* has libpq read what it took in */
    return conn->leaving || PQstatus(conn->pg) != CONNECTION_OK;
}
