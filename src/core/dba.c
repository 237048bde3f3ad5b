#include "dba.h"
#include "db_private.h"

#include <assert.h>
#include <sys/queue.h>
#include <talloc.h>

/* Longer than the TCP limits in db_conn.c: libpq turns to the next host of the
 * URL by itself, this is for a host that is there but says nothing. */
#define CONNECT_LIMIT_MS 15000
#define FIRST_RETRY_MS   100
#define LAST_RETRY_MS    2000

/* A statement moves from `waiting` to `sent` to `answered`. */
struct statement {
    TAILQ_ENTRY(statement) next;
    const char *sql;
    struct db_args args;
    dba_fn *done; /* NULL for the greeting: nobody hears of its end */
    void *arg;
    struct db_result *rows; /* what has come of the answer */
    struct error err;       /* kind is ERROR_NONE unless it failed */
};

TAILQ_HEAD(statements, statement);

/* Greeting: connected, but DB_SESSION is not yet answered. A pooler accepts
 * connections while its server is away, so only that shows that it is there. */
enum dba_state { DBA_DOWN, DBA_CONNECTING, DBA_GREETING, DBA_UP };

/*
 * Callbacks may ask for more and may free the connection. So each is the last
 * thing that an event handler does: on_turn for those of statements, one a
 * time; tell() for changes.
 */
struct dba {
    struct event_base *base;
    const char *url;
    enum dba_state state;
    struct db_conn *conn; /* NULL when down */
    struct event *socket; /* NULL when down */
    struct event *timer;  /* down: the next try; until up: the limit */
    struct event *turn;   /* there is something to send or to hand out */
    int retry_ms;
    struct statements waiting, answered;
    struct statement *sent;
    int pending;
    enum { TOLD_NOTHING, TOLD_DOWN, TOLD_UP } told;
    void (*changed)(bool up, const char *why, void *arg);
    void *changed_arg;
};

static void set_timer(struct dba *dba, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_add(dba->timer, &tv);
}

static void take_turn(struct dba *dba)
{
    event_active(dba->turn, 0, 0);
}

static void unwatch(struct dba *dba)
{
    if (dba->socket)
        event_free(dba->socket);
    dba->socket = NULL;
}

/* libpq may have changed its socket: the event is made anew each time. */
static void watch(struct dba *dba, short what, event_callback_fn then)
{
    unwatch(dba);
    dba->socket =
        event_new(dba->base, PQsocket(dba->conn->pg), what, then, dba);
    event_add(dba->socket, NULL);
}

/* Tell the owner of a change; a failed try after a failed one is none. */
static void tell(struct dba *dba, bool up, const char *why)
{
    bool news = dba->told != (up ? TOLD_UP : TOLD_DOWN);

    dba->told = up ? TOLD_UP : TOLD_DOWN;
    if (news && dba->changed)
        dba->changed(up, why, dba->changed_arg);
}

static void end_greeting(struct dba *dba, struct statement *greeting)
{
    if (greeting->err.kind == ERROR_NONE) {
        event_del(dba->timer);
        dba->state = DBA_UP;
        dba->retry_ms = FIRST_RETRY_MS;
    }
    talloc_free(greeting);
}

/* The statement that was sent is over. */
static void finish_sent(struct dba *dba)
{
    struct statement *statement = dba->sent;

    dba->sent = NULL;
    if (statement->done)
        TAILQ_INSERT_TAIL(&dba->answered, statement, next);
    else
        end_greeting(dba, statement);
    take_turn(dba);
}

static void fail_sent(struct dba *dba, const struct error *err)
{
    TALLOC_FREE(dba->sent->rows);
    dba->sent->err = *err;
    finish_sent(dba);
}

/* Give the connection up and try again later. Tells, so it comes last. */
static void go_down(struct dba *dba, const struct error *err)
{
    /* The event first: libpq closes the socket that it watches. */
    unwatch(dba);
    TALLOC_FREE(dba->conn);
    dba->state = DBA_DOWN;
    if (dba->sent)
        fail_sent(dba, err);
    set_timer(dba, dba->retry_ms);
    dba->retry_ms *= 2;
    if (dba->retry_ms > LAST_RETRY_MS)
        dba->retry_ms = LAST_RETRY_MS;
    tell(dba, false, err->text);
}

/* Have on_traffic look at the connection: once libpq has closed the socket,
 * no event comes from it. */
static void look(struct dba *dba)
{
    event_active(dba->socket, EV_READ, 0);
}

/* Push out what the socket did not take at once. */
static void flush(struct dba *dba)
{
    int left = PQflush(dba->conn->pg);
    short want = EV_READ | EV_PERSIST;

    if (left > 0)
        want |= EV_WRITE;
    if (event_get_events(dba->socket) != want)
        watch(dba, want, event_get_callback(dba->socket));
    if (left < 0)
        look(dba);
}

/* False where libpq does not take the statement; nothing was sent then. */
static bool put(struct dba *dba, struct statement *statement)
{
    if (!PQsendQueryParams(dba->conn->pg, statement->sql, statement->args.count,
                           NULL, statement->args.values, NULL, NULL, 0))
        return false;
    dba->sent = statement;
    flush(dba);
    return true;
}

/*
 * Send the next statement if it is its time. On a lost connection it stays for
 * the next one. If libpq refuses it while the connection is good (too many
 * parameters), it has failed.
 */
static void send_next(struct dba *dba)
{
    struct statement *statement = TAILQ_FIRST(&dba->waiting);
    struct error err;

    if (dba->state != DBA_UP || dba->sent || !statement)
        return;
    if (db_conn_lost(dba->conn)) {
        look(dba);
        return;
    }
    TAILQ_REMOVE(&dba->waiting, statement, next);
    if (!put(dba, statement)) {
        db_fail_statement(dba->conn, NULL, &err);
        dba->sent = statement;
        fail_sent(dba, &err);
    }
}

/*
 * One part of an answer. A failure that follows rows counts (a commit can
 * fail after them); of several failures the first tells why.
 */
static void take_part(struct dba *dba, PGresult *pg)
{
    struct statement *statement = dba->sent;

    if (!statement || statement->err.kind != ERROR_NONE) {
        PQclear(pg);
        return;
    }
    TALLOC_FREE(statement->rows);
    if (db_result_ok(pg)) {
        statement->rows = db_result_new(statement, pg);
        return;
    }
    db_fail_statement(dba->conn, pg, &statement->err);
    PQclear(pg);
}

/* Read what has come; true when the answer is whole. */
static bool read_answer(struct dba *dba)
{
    while (!PQisBusy(dba->conn->pg)) {
        PGresult *pg = PQgetResult(dba->conn->pg);

        if (!pg)
            return true;
        take_part(dba, pg);
    }
    return false;
}

/* A server that has said goodbye still ends the statement it is at. */
static bool is_lost(const struct dba *dba)
{
    if (PQstatus(dba->conn->pg) != CONNECTION_OK)
        return true;
    return !dba->sent && (dba->conn->leaving || dba->state == DBA_GREETING);
}

static void on_traffic(evutil_socket_t fd, short what, void *arg)
{
    struct dba *dba = arg;
    struct error why = {.kind = ERROR_UNAVAILABLE,
                        .code = "database_unavailable",
                        .text = "the server closed the connection"};

    (void)fd, (void)what;
    /* That the connection is lost counts only after what came before. */
    (void)PQconsumeInput(dba->conn->pg);
    if (read_answer(dba) && dba->sent) {
        if (dba->sent->err.kind != ERROR_NONE)
            why = dba->sent->err;
        finish_sent(dba);
    }
    if (is_lost(dba)) {
        go_down(dba, &why);
        return;
    }
    flush(dba);
    if (dba->state == DBA_UP)
        tell(dba, true, "connected");
}

/* A copy of a statement, args and all. */
static struct statement *statement_new(void *mem, const char *sql,
                                       struct db_args args)
{
    struct statement *statement = talloc_zero(mem, struct statement);
    const char **values =
        talloc_array(statement, const char *, (unsigned)args.count);

    for (int i = 0; i < args.count; i++)
        values[i] = talloc_strdup(values, args.values[i]);
    statement->sql = sql;
    statement->args = (struct db_args){args.count, values};
    return statement;
}

static void greet(struct dba *dba)
{
    struct statement *greeting = statement_new(dba, DB_SESSION, DB_NO_ARGS);

    dba->state = DBA_GREETING;
    PQsetnonblocking(dba->conn->pg, 1);
    watch(dba, EV_READ | EV_PERSIST, on_traffic);
    if (!put(dba, greeting)) {
        talloc_free(greeting);
        look(dba); /* not up, and nothing sent: lost */
    }
}

static void fail_to_connect(struct dba *dba)
{
    struct error err;

    db_fail_connect(dba->conn, dba->url, &err);
    go_down(dba, &err);
}

static void on_connecting(evutil_socket_t fd, short what, void *arg)
{
    struct dba *dba = arg;

    (void)fd, (void)what;
    switch (PQconnectPoll(dba->conn->pg)) {
    case PGRES_POLLING_READING:
        watch(dba, EV_READ, on_connecting);
        break;
    case PGRES_POLLING_WRITING:
        watch(dba, EV_WRITE, on_connecting);
        break;
    case PGRES_POLLING_OK:
        greet(dba);
        break;
    default:
        fail_to_connect(dba);
    }
}

static void connect_again(struct dba *dba)
{
    dba->conn = db_conn_start(dba, dba->url);
    if (PQstatus(dba->conn->pg) == CONNECTION_BAD) {
        fail_to_connect(dba);
        return;
    }
    dba->state = DBA_CONNECTING;
    set_timer(dba, CONNECT_LIMIT_MS);
    watch(dba, EV_WRITE, on_connecting);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct dba *dba = arg;
    struct error err;

    (void)fd, (void)what;
    if (dba->state == DBA_DOWN) {
        connect_again(dba);
        return;
    }
    error_set(&err, ERROR_UNAVAILABLE, "database_unavailable",
              "the server did not answer within %d s", CONNECT_LIMIT_MS / 1000);
    go_down(dba, &err);
}

/* Send the next statement, then hand out one answer. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct dba *dba = arg;
    struct statement *statement;

    (void)fd, (void)what;
    send_next(dba);
    statement = TAILQ_FIRST(&dba->answered);
    if (!statement)
        return;
    TAILQ_REMOVE(&dba->answered, statement, next);
    dba->pending--;
    if (!TAILQ_EMPTY(&dba->answered))
        take_turn(dba);

    /* On its own from here: the callback may free the connection. */
    talloc_steal(NULL, statement);
    statement->done(statement->rows, &statement->err, statement->arg);
    talloc_free(statement);
}

static int dba_done(struct dba *dba)
{
    unwatch(dba);
    event_free(dba->timer);
    event_free(dba->turn);
    return 0;
}

struct dba *dba_open(void *mem, struct event_base *base, const char *url)
{
    struct dba *dba = talloc_zero(mem, struct dba);

    dba->base = base;
    dba->url = talloc_strdup(dba, url);
    dba->retry_ms = FIRST_RETRY_MS;
    dba->timer = event_new(base, -1, 0, on_timer, dba);
    dba->turn = event_new(base, -1, 0, on_turn, dba);
    TAILQ_INIT(&dba->waiting);
    TAILQ_INIT(&dba->answered);
    talloc_set_destructor(dba, dba_done);
    set_timer(dba, 0);
    return dba;
}

void dba_query(struct dba *dba, const char *sql, struct db_args args,
               dba_fn *done, void *arg)
{
    struct statement *statement = statement_new(dba, sql, args);

    assert(done);
    statement->done = done;
    statement->arg = arg;
    TAILQ_INSERT_TAIL(&dba->waiting, statement, next);
    dba->pending++;
    take_turn(dba);
}

int dba_pending(const struct dba *dba)
{
    return dba->pending;
}

bool dba_connected(const struct dba *dba)
{
    return dba->state == DBA_UP;
}

void dba_on_change(struct dba *dba,
                   void (*changed)(bool up, const char *why, void *arg),
                   void *arg)
{
    dba->changed = changed;
    dba->changed_arg = arg;
}
