/*
 * What dba does with a real server. tests/sql/dba.t starts one, names it in
 * DATABASE_URL and runs this.
 */
#include "dba.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_S 10

/* A loop with a connection for each test, and what has come of it. */
struct fixture {
    const char *url;
    struct event_base *base;
    struct event *deadline;
    struct dba *dba;
    char *answers;  /* each value or error code, and a space */
    int ups, downs; /* changes of the connection */
    bool in_dba_query;
};

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    fail_msg("nothing has happened for %d s", DEADLINE_S);
}

static void on_change(bool up, const char *why, void *arg)
{
    struct fixture *f = arg;

    assert_true(why && *why && !strchr(why, '\n'));
    assert_int_equal(up, dba_connected(f->dba));
    if (up)
        f->ups++;
    else
        f->downs++;
}

static void open_dba(struct fixture *f, const char *url)
{
    f->dba = dba_open(f, f->base, url);
    dba_on_change(f->dba, on_change, f);
}

static int begin(void **state)
{
    struct fixture *f = talloc_zero(NULL, struct fixture);
    struct timeval limit = {.tv_sec = DEADLINE_S};

    *state = f;
    f->url = getenv("DATABASE_URL");
    f->base = event_base_new();
    f->deadline = event_new(f->base, -1, 0, on_deadline, f);
    event_add(f->deadline, &limit);
    f->answers = talloc_strdup(f, "");
    return f->url ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;

    talloc_free(f->dba);
    event_free(f->deadline);
    event_base_free(f->base);
    talloc_free(f);
    return 0;
}

/* Write down the column v of the answer, or the code of the failure. */
static void on_answer(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct fixture *f = arg;
    const char *text = err->code;

    assert_false(f->in_dba_query);
    assert_int_equal(rows != NULL, err->kind == ERROR_NONE);
    if (rows)
        text = db_count(rows) ? db_text(rows, 0, "v") : "none";
    f->answers = talloc_asprintf_append(f->answers, "%s ", text);
}

static void ask(struct fixture *f, const char *sql, struct db_args args)
{
    f->in_dba_query = true;
    dba_query(f->dba, sql, args, on_answer, f);
    f->in_dba_query = false;
}

/* Let the loop run until everything asked for is answered. */
static void run(struct fixture *f)
{
    while (dba_pending(f->dba) > 0)
        assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
}

static void run_until(struct fixture *f, const int *count, int want)
{
    while (*count < want)
        assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
}

/* The connection's server process is ended by another one. */
static void terminate(struct fixture *f, const char *pid)
{
    struct db *killer;
    struct error err;

    assert_true(db_open(f, f->url, &killer, &err));
    assert_true(db_exec(killer, "select pg_terminate_backend($1)", DB_ARGS(pid),
                        NULL, &err));
    talloc_free(killer);
}

static char *server_pid(struct fixture *f)
{
    char *pid;

    talloc_free(f->answers);
    f->answers = talloc_strdup(f, "");
    ask(f, "select pg_backend_pid() as v", DB_NO_ARGS);
    run(f);
    pid = f->answers;
    f->answers = talloc_strdup(f, "");
    return pid;
}

static void answers_come_in_order(void **state)
{
    struct fixture *f = *state;
    char *want = talloc_strdup(f, "");

    open_dba(f, f->url);
    for (int i = 0; i < 200; i++) {
        char text[16];

        snprintf(text, sizeof(text), "n%d", i);
        want = talloc_asprintf_append(want, "%s ", text);
        ask(f, "select $1::text as v", DB_ARGS(text));
        /* The arguments were copied. */
        memset(text, 'x', sizeof(text));
    }
    assert_int_equal(dba_pending(f->dba), 200);
    assert_string_equal(f->answers, "");
    run(f);
    assert_string_equal(f->answers, want);
    assert_int_equal(f->ups, 1);
    assert_int_equal(f->downs, 0);
}

static void sessions_have_utc(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    ask(f, "select current_setting('TimeZone') as v", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "UTC ");
}

static void errors_hurt_only_their_statement(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    ask(f, "select 1 as v", DB_NO_ARGS);
    ask(f, "select 1 / $1::int as v", DB_ARGS("0"));
    ask(f, "selct", DB_NO_ARGS);
    ask(f, "select 2 as v", DB_NO_ARGS);
    ask(f, "select 3 as v where false", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "1 invalid_data internal_error 2 none ");
    assert_int_equal(f->downs, 0);
}

/* More parameters than the protocol can count: libpq refuses to send it. */
static void what_cannot_be_sent_fails(void **state)
{
    static const char *values[70000];
    struct fixture *f = *state;

    open_dba(f, f->url);
    ask(f, "select 1 as v", DB_NO_ARGS);
    ask(f, "select 1 as v", (struct db_args){70000, values});
    ask(f, "select 2 as v", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "1 internal_error 2 ");
    assert_int_equal(f->downs, 0);
}

static void a_commit_may_fail_after_the_rows(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    ask(f, "create temp table t (n int unique deferrable initially deferred)",
        DB_NO_ARGS);
    ask(f, "insert into t values (1), (1) returning n as v", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "none invalid_data ");
}

/* Larger than what a socket takes at once, both ways. */
static void large_values_go_through(void **state)
{
    struct fixture *f = *state;
    size_t len = 8 * 1024 * 1024;
    char *large = talloc_size(f, len + 1);

    memset(large, 'x', len);
    large[len] = '\0';
    open_dba(f, f->url);
    ask(f, "select ($1::text = repeat('x', $2::int))::text as v",
        DB_ARGS(large, db_int(f, (int64_t)len)));
    ask(f, "select $1::text as v", DB_ARGS(large));
    run(f);
    assert_memory_equal(f->answers, "true xxx", 8);
    assert_int_equal(strlen(f->answers), 5 + len + 1);
}

static void an_idle_loss_is_noticed_and_mended(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    for (int i = 1; i <= 3; i++) {
        terminate(f, server_pid(f));
        run_until(f, &f->downs, i);
        assert_false(dba_connected(f->dba));
        run_until(f, &f->ups, i + 1);
        assert_true(dba_connected(f->dba));
    }
}

/* The loop has not seen the loss yet: the statement must not go down with it.
 */
static void a_statement_survives_an_unseen_loss(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *db;
    struct db_result *rows;
    char *pid;

    open_dba(f, f->url);
    pid = server_pid(f);
    terminate(f, pid);
    assert_true(db_open(f, f->url, &db, &err));
    do
        assert_true(db_query(db, db,
                             "select 1 from pg_stat_activity where pid = $1",
                             DB_ARGS(pid), &rows, &err));
    while (db_count(rows) > 0);

    ask(f, "select 1 as v", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "1 ");
    assert_int_equal(f->downs, 1);
}

static void a_lost_answer_is_a_failure(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    ask(f, "select 1 as v", DB_NO_ARGS);
    ask(f, "select pg_terminate_backend(pg_backend_pid()) as v", DB_NO_ARGS);
    ask(f, "select 2 as v", DB_NO_ARGS);
    run(f);
    assert_string_equal(f->answers, "1 database_unavailable 2 ");
    assert_int_equal(f->ups, 2);
    assert_int_equal(f->downs, 1);
}

/* The path of the server's socket in the folder that the URL names. */
static char *socket_path(struct fixture *f)
{
    const char *host = strstr(f->url, "host=") + 5;

    return talloc_asprintf(f, "%.*s/.s.PGSQL.5432", (int)strcspn(host, "&"),
                           host);
}

static void statements_wait_for_the_server(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/test_dba.XXXXXX";
    char *path, *url;

    assert_non_null(mkdtemp(dir));
    path = talloc_asprintf(f, "%s/.s.PGSQL.5432", dir);
    url =
        talloc_asprintf(f, "postgresql:///millrace?host=%s&user=millrace", dir);
    open_dba(f, url);
    ask(f, "select 1 as v", DB_NO_ARGS);
    ask(f, "select 2 as v", DB_NO_ARGS);
    run_until(f, &f->downs, 1);
    assert_false(dba_connected(f->dba));
    assert_int_equal(dba_pending(f->dba), 2);

    assert_int_equal(symlink(socket_path(f), path), 0);
    run(f);
    assert_string_equal(f->answers, "1 2 ");
    assert_int_equal(f->ups, 1);
    assert_int_equal(f->downs, 1);
    unlink(path);
    rmdir(dir);
}

static void a_broken_url_is_reported(void **state)
{
    struct fixture *f = *state;

    open_dba(f, "postgresql://u:secret@/x?nonsense=1");
    run_until(f, &f->downs, 1);
    assert_false(dba_connected(f->dba));
}

static void ask_twice_more(struct db_result *rows, const struct error *err,
                           void *arg)
{
    struct fixture *f = arg;

    on_answer(rows, err, arg);
    ask(f, "select 2 as v", DB_NO_ARGS);
    ask(f, "select 3 as v", DB_NO_ARGS);
}

static void callbacks_may_ask(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    dba_query(f->dba, "select 1 as v", DB_NO_ARGS, ask_twice_more, f);
    run(f);
    assert_string_equal(f->answers, "1 2 3 ");
}

static void close_it(struct db_result *rows, const struct error *err, void *arg)
{
    struct fixture *f = arg;

    on_answer(rows, err, arg);
    TALLOC_FREE(f->dba);
    assert_string_equal(db_text(rows, 0, "v"), "1");
}

static void callbacks_may_close(void **state)
{
    struct fixture *f = *state;

    open_dba(f, f->url);
    dba_query(f->dba, "select 1 as v", DB_NO_ARGS, close_it, f);
    ask(f, "select 2 as v", DB_NO_ARGS);
    ask(f, "selct", DB_NO_ARGS);
    while (f->dba)
        event_base_loop(f->base, EVLOOP_ONCE);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_string_equal(f->answers, "1 ");
}

static void close_when_changed(bool up, const char *why, void *arg)
{
    struct fixture *f = arg;

    (void)up, (void)why;
    TALLOC_FREE(f->dba);
}

static void a_change_may_close(void **state)
{
    static const char *const urls[] = {NULL, "host=/nowhere"};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        open_dba(f, urls[i] ? urls[i] : f->url);
        dba_on_change(f->dba, close_when_changed, f);
        ask(f, "select 1 as v", DB_NO_ARGS);
        while (f->dba)
            event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_string_equal(f->answers, "");
}

static void keep_rows(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct db_result **kept = arg;

    (void)err;
    *kept = talloc_steal(NULL, rows);
}

static void rows_can_be_kept(void **state)
{
    struct fixture *f = *state;
    struct db_result *kept = NULL;

    open_dba(f, f->url);
    dba_query(f->dba, "select 'kept' as v", DB_NO_ARGS, keep_rows, &kept);
    run(f);
    TALLOC_FREE(f->dba);
    assert_string_equal(db_text(kept, 0, "v"), "kept");
    talloc_free(kept);
}

/* Closed at each point on the way: connecting, greeting, sent, answered. */
static void it_can_be_closed_at_any_time(void **state)
{
    struct fixture *f = *state;

    for (int steps = 0; steps < 12; steps++) {
        open_dba(f, f->url);
        ask(f, "select 1 as v", DB_NO_ARGS);
        ask(f, "select 2 as v", DB_NO_ARGS);
        for (int i = 0; i < steps && dba_pending(f->dba) > 0; i++)
            event_base_loop(f->base, EVLOOP_ONCE);
        TALLOC_FREE(f->dba);
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_order),
        TEST(sessions_have_utc),
        TEST(errors_hurt_only_their_statement),
        TEST(what_cannot_be_sent_fails),
        TEST(a_commit_may_fail_after_the_rows),
        TEST(large_values_go_through),
        TEST(an_idle_loss_is_noticed_and_mended),
        TEST(a_statement_survives_an_unseen_loss),
        TEST(a_lost_answer_is_a_failure),
        TEST(statements_wait_for_the_server),
        TEST(a_broken_url_is_reported),
        TEST(callbacks_may_ask),
        TEST(callbacks_may_close),
        TEST(a_change_may_close),
        TEST(rows_can_be_kept),
        TEST(it_can_be_closed_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
