/*
 * What db does with a real server. tests/sql/db.t starts one, names it in
 * DATABASE_URL and runs this.
 */
#include "clock.h"
#include "db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define DEADLINE_MS  10000

/* A context with a connection for each test. */
struct fixture {
    const char *url;
    struct db *db;
    struct error err;
};

static int begin(void **state)
{
    struct fixture *f = talloc_zero(NULL, struct fixture);

    *state = f;
    f->url = getenv("DATABASE_URL");
    return f->url && db_open(f, f->url, &f->db, &f->err) ? 0 : -1;
}

static int end(void **state)
{
    talloc_free(*state);
    return 0;
}

static struct db_result *query(struct fixture *f, const char *sql,
                               struct db_args args)
{
    struct db_result *rows;

    if (!db_query(f->db, f, sql, args, &rows, &f->err))
        fail_msg("%s: %s", sql, f->err.text);
    return rows;
}

/* The column v of the one row that is the answer. */
static const char *ask(struct fixture *f, const char *sql, struct db_args args)
{
    struct db_result *rows = query(f, sql, args);

    assert_int_equal(db_count(rows), 1);
    return db_text(rows, 0, "v");
}

/* End the server process of f's connection, and see it gone. */
static void terminate(struct fixture *f)
{
    const char *pid = ask(f, "select pg_backend_pid() as v", DB_NO_ARGS);
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    struct fixture *killer = talloc_zero(f, struct fixture);

    assert_true(db_open(killer, f->url, &killer->db, &killer->err));
    query(killer, "select pg_terminate_backend($1)", DB_ARGS(pid));
    while (*ask(killer,
                "select count(*) as v from pg_stat_activity where pid = $1",
                DB_ARGS(pid)) != '0')
        assert_true(clock_mono_ms() < deadline);
    talloc_free(killer);
}

static void sessions_have_utc_and_a_name(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(
        ask(f, "select current_setting('TimeZone') as v", DB_NO_ARGS), "UTC");
    assert_string_equal(
        ask(f, "select current_setting('client_encoding') as v", DB_NO_ARGS),
        "UTF8");
    assert_string_equal(
        ask(f, "select current_setting('application_name') as v", DB_NO_ARGS),
        "test_db");
}

struct row {
    const char *text, *no_text;
    bool yes, no, no_bool;
    int32_t four, no_four;
    int64_t eight, no_eight;
};

static void rows_become_structs(void **state)
{
    static const struct db_column columns[] = {
        DB_COLUMN(struct row, text),    DB_COLUMN(struct row, no_text),
        DB_COLUMN(struct row, yes),     DB_COLUMN(struct row, no),
        DB_COLUMN(struct row, four),    DB_COLUMN(struct row, no_four),
        DB_COLUMN(struct row, eight),   DB_COLUMN(struct row, no_eight),
        DB_COLUMN(struct row, no_bool), {0},
    };
    struct fixture *f = *state;
    struct db_result *rows =
        query(f,
              "select -9223372036854775808 as eight, 't\xc3\xa9' as text,"
              " null as no_text, true as yes, false as no, null as no_bool,"
              " 2147483647 as four, null as no_four, null as no_eight",
              DB_NO_ARGS);
    struct row row;

    memset(&row, 0xaa, sizeof(row));
    assert_true(db_row(rows, 0, columns, &row, &f->err));
    assert_string_equal(row.text, "t\xc3\xa9");
    assert_null(row.no_text);
    assert_true(row.yes);
    assert_false(row.no);
    assert_false(row.no_bool);
    assert_int_equal(row.four, INT32_MAX);
    assert_int_equal(row.no_four, 0);
    assert_true(row.eight == INT64_MIN);
    assert_true(row.no_eight == 0);
}

static void values_that_do_not_fit_are_refused(void **state)
{
    static const struct db_column yes[] = {DB_COLUMN(struct row, yes), {0}};
    static const struct db_column four[] = {DB_COLUMN(struct row, four), {0}};
    static const struct db_column eight[] = {DB_COLUMN(struct row, eight), {0}};
    static const struct {
        const char *sql;
        const struct db_column *columns;
    } cases[] = {
        {"select 2147483648 as four",           four },
        {"select -2147483649 as four",          four },
        {"select 9223372036854775808 as eight", eight},
        {"select 1.5 as eight",                 eight},
        {"select '' as eight",                  eight},
        {"select 1 as yes",                     yes  },
        {"select 1 as \"Four\"",                four },
        {"select 1 as other",                   eight},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct db_result *rows = query(f, cases[i].sql, DB_NO_ARGS);
        struct row row;

        assert_false(db_row(rows, 0, cases[i].columns, &row, &f->err));
        assert_int_equal(f->err.kind, ERROR_INTERNAL);
        assert_non_null(strstr(f->err.text, cases[i].columns->name));
    }
}

static void changes_are_counted(void **state)
{
    struct fixture *f = *state;
    int64_t count = -1;

    assert_true(db_exec(f->db, "create temp table t (n int)", DB_NO_ARGS, NULL,
                        &f->err));
    assert_true(db_exec(f->db, "insert into t select generate_series(1, $1)",
                        DB_ARGS(db_int(f, 7)), &count, &f->err));
    assert_true(count == 7);
    assert_true(db_changed(query(f, "delete from t where n > 5", DB_NO_ARGS)) ==
                2);
    assert_int_equal(db_count(query(f, "select n from t", DB_NO_ARGS)), 5);
}

static void parameters_may_be_null(void **state)
{
    struct fixture *f = *state;

    assert_string_equal(ask(f,
                            "select ($1::text is null and $2 = 'x')::text as v",
                            DB_ARGS(NULL, "x")),
                        "true");
    assert_null(ask(f, "select $1::text as v", DB_ARGS(NULL)));
}

static void arrays_come_back_as_they_went(void **state)
{
    static const char *const values[] = {"plain",
                                         "",
                                         NULL,
                                         "NULL",
                                         "a,b",
                                         "{c}",
                                         "\"",
                                         "\\",
                                         "\\\"",
                                         " space ",
                                         "line\nline",
                                         "'",
                                         "null",
                                         "\t\r",
                                         "{}",
                                         "gr\xc3\xbc\xc3\x9f",
                                         "\xf0\x9f\x98\x80"};
    struct fixture *f = *state;
    struct db_array *array = db_array_new(f);
    struct db_result *rows;

    for (size_t i = 0; i < COUNT(values); i++)
        db_array_add(array, values[i]);
    rows = query(f,
                 "select v from unnest($1::text[]) with ordinality u(v, n)"
                 " order by n",
                 DB_ARGS(db_array_text(array)));
    assert_int_equal(db_count(rows), COUNT(values));
    for (size_t i = 0; i < COUNT(values); i++) {
        const char *got = db_text(rows, (int)i, "v");

        if (values[i])
            assert_string_equal(got, values[i]);
        else
            assert_null(got);
    }
}

static void arrays_of_numbers_and_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_array *array = db_array_new(f);

    assert_string_equal(db_array_text(array), "{}");
    db_array_add_int(array, INT64_MIN);
    assert_string_equal(db_array_text(array), "{-9223372036854775808}");
    db_array_add_int(array, 5);
    db_array_add(array, NULL);
    assert_string_equal(ask(f, "select cardinality($1::bigint[]) as v",
                            DB_ARGS(db_array_text(array))),
                        "3");
}

/* Have the server raise an exception as our SQL functions do. */
static void raise(struct fixture *f, const char *sqlstate, const char *detail)
{
    char *sql = talloc_asprintf(f,
                                "do $$ begin raise exception using "
                                "errcode = '%s', message = 'it broke', "
                                "detail = '%s'; end $$",
                                sqlstate, detail);

    assert_false(db_exec(f->db, sql, DB_NO_ARGS, NULL, &f->err));
    assert_string_equal(f->err.text, "it broke");
}

static void exceptions_have_a_kind_and_a_code(void **state)
{
    static const struct {
        const char *sqlstate, *detail;
        enum error_kind kind;
        const char *code;
    } cases[] = {
        {"MR400", "bad_queue",  ERROR_INVALID,     "bad_queue"           },
        {"MR403", "no_scope",   ERROR_FORBIDDEN,   "no_scope"            },
        {"MR404", "no_job",     ERROR_NOT_FOUND,   "no_job"              },
        {"MR409", "job_ended",  ERROR_CONFLICT,    "job_ended"           },
        {"MR413", "too_many",   ERROR_TOO_LARGE,   "too_many"            },
        {"MR422", "key_reused", ERROR_MISMATCH,    "key_reused"          },
        {"MR429", "too_fast",   ERROR_TOO_MANY,    "too_fast"            },
        {"MR503", "queue_full", ERROR_BUSY,        "queue_full"          },
        {"MR404", "Not a code", ERROR_NOT_FOUND,   "not_found"           },
        {"MR404", "",           ERROR_NOT_FOUND,   "not_found"           },
        {"MR999", "no_job",     ERROR_INTERNAL,    "internal_error"      },
        {"40001", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"40P01", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"53300", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"55P03", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"57014", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"57P01", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"08006", "no_job",     ERROR_UNAVAILABLE, "database_unavailable"},
        {"23505", "no_job",     ERROR_INVALID,     "invalid_data"        },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        raise(f, cases[i].sqlstate, cases[i].detail);
        assert_int_equal(f->err.kind, cases[i].kind);
        assert_string_equal(f->err.code, cases[i].code);
    }
}

static void exceptions_say_when_and_which_and_what(void **state)
{
    static const struct {
        const char *using, *rival;
        int retry_after_s, item;
    } cases[] = {
        {"hint = '75'",                       "",    75, 0 },
        {"hint = 'ask again'",                "",    0,  0 },
        {"column = '0'",                      "",    0,  1 },
        {"column = '41', constraint = 'x-7'", "x-7", 0,  42},
        {"column = '3', constraint = ''",     "",    0,  4 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *sql = talloc_asprintf(f,
                                    "do $$ begin raise exception using "
                                    "errcode = 'MR429', message = 'it broke', "
                                    "detail = 'slow', %s; end $$",
                                    cases[i].using);

        assert_false(db_exec(f->db, sql, DB_NO_ARGS, NULL, &f->err));
        assert_int_equal(f->err.retry_after_s, cases[i].retry_after_s);
        assert_int_equal(f->err.item, cases[i].item);
        assert_string_equal(f->err.rival, cases[i].rival);
    }
}

static void wrong_data_is_not_wrong_sql(void **state)
{
    static const struct {
        const char *sql;
        enum error_kind kind;
        const char *code;
    } cases[] = {
        {"select 1 / 0",       ERROR_INVALID,  "invalid_data"  },
        {"select 'x'::int",    ERROR_INVALID,  "invalid_data"  },
        {"select '\xff'",      ERROR_INVALID,  "invalid_data"  },
        {"selct",              ERROR_INTERNAL, "internal_error"},
        {"select 1; select 2", ERROR_INTERNAL, "internal_error"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_false(db_exec(f->db, cases[i].sql, DB_NO_ARGS, NULL, &f->err));
        assert_int_equal(f->err.kind, cases[i].kind);
        assert_string_equal(f->err.code, cases[i].code);
    }
}

/* Callers compare codes and keep the pointers. */
static void a_code_has_one_address(void **state)
{
    struct fixture *f = *state;
    const char *first;

    raise(f, "MR404", "no_job");
    first = f->err.code;
    raise(f, "MR409", "no_job");
    assert_ptr_equal(f->err.code, first);
}

static void a_missing_schema_gets_a_hint(void **state)
{
    static const char *const sql[] = {"select 1 from no_such_table",
                                      "select no_such_schema.f()",
                                      "select no_such_function()"};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(sql); i++) {
        assert_false(db_exec(f->db, sql[i], DB_NO_ARGS, NULL, &f->err));
        assert_int_equal(f->err.kind, ERROR_INTERNAL);
        assert_non_null(strstr(f->err.text, "millrace migrate"));
    }
}

static void a_lost_connection_is_opened_anew(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        terminate(f);
        assert_string_equal(
            ask(f, "select current_setting('TimeZone') as v", DB_NO_ARGS),
            "UTC");
    }
}

static void a_statement_may_be_limited(void **state)
{
    struct fixture *f = *state, *limited = talloc_zero(f, struct fixture);

    limited->url = f->url;
    assert_true(db_open_limited(limited, f->url, 100, &limited->db, &f->err));
    for (int i = 0; i < 2; i++) {
        assert_false(db_exec(limited->db, "select pg_sleep(60)", DB_NO_ARGS,
                             NULL, &f->err));
        assert_int_equal(f->err.kind, ERROR_UNAVAILABLE);
        terminate(limited);
    }
    assert_string_equal(
        ask(f, "select current_setting('statement_timeout') as v", DB_NO_ARGS),
        "0");
    talloc_free(limited);
}

static void a_statement_is_never_repeated(void **state)
{
    struct fixture *f = *state;

    assert_false(db_exec(f->db, "select pg_terminate_backend(pg_backend_pid())",
                         DB_NO_ARGS, NULL, &f->err));
    assert_int_equal(f->err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(f->err.code, "database_unavailable");
    assert_null(strchr(f->err.text, '\n'));
    assert_string_equal(ask(f, "select 1 as v", DB_NO_ARGS), "1");
}

static void a_lost_transaction_is_not_continued(void **state)
{
    struct fixture *f = *state;

    assert_true(
        db_script(f->db, "begin; create temp table t (n int)", &f->err));
    terminate(f);
    assert_false(db_exec(f->db, "select 1", DB_NO_ARGS, NULL, &f->err));
    assert_int_equal(f->err.kind, ERROR_UNAVAILABLE);
    assert_string_equal(ask(f, "select 1 as v", DB_NO_ARGS), "1");
}

static void a_script_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;

    assert_true(db_script(f->db,
                          "create temp table t (n int);"
                          "insert into t values (1);",
                          &f->err));
    assert_false(db_script(f->db,
                           "insert into t values (2); select 1 / 0;"
                           "insert into t values (3)",
                           &f->err));
    assert_int_equal(f->err.kind, ERROR_INVALID);
    assert_string_equal(ask(f, "select sum(n) as v from t", DB_NO_ARGS), "1");
    assert_true(db_script(f->db, "", &f->err));
}

static void urls_that_lead_nowhere(void **state)
{
    static const struct {
        const char *url;
        enum error_kind kind;
    } cases[] = {
        {"host=/nowhere password=secret",               ERROR_UNAVAILABLE},
        {"postgresql://u:secret@/x?host=/nowhere",      ERROR_UNAVAILABLE},
        {"host=/nowhere secret password=secret",        ERROR_INVALID    },
        {"postgresql://u:secret@h:port/x",              ERROR_UNAVAILABLE},
        {"postgresql://u:p@secret@127.0.0.1/x",         ERROR_INVALID    },
        {"postgresql://u:secret@/x?host=/nowhere&no=1", ERROR_INVALID    },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct db *db = NULL;

        assert_false(db_open(f, cases[i].url, &db, &f->err));
        assert_null(db);
        assert_int_equal(f->err.kind, cases[i].kind);
        assert_null(strstr(f->err.text, "secret"));
        assert_null(strchr(f->err.text, '\n'));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_have_utc_and_a_name),
        TEST(rows_become_structs),
        TEST(values_that_do_not_fit_are_refused),
        TEST(changes_are_counted),
        TEST(parameters_may_be_null),
        TEST(arrays_come_back_as_they_went),
        TEST(arrays_of_numbers_and_of_nothing),
        TEST(exceptions_have_a_kind_and_a_code),
        TEST(exceptions_say_when_and_which_and_what),
        TEST(wrong_data_is_not_wrong_sql),
        TEST(a_code_has_one_address),
        TEST(a_missing_schema_gets_a_hint),
        TEST(a_lost_connection_is_opened_anew),
        TEST(a_statement_may_be_limited),
        TEST(a_statement_is_never_repeated),
        TEST(a_lost_transaction_is_not_continued),
        TEST(a_script_is_all_or_nothing),
        TEST(urls_that_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
