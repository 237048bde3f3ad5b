#include "db_private.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * SQLSTATE to what the caller can do; the first row whose state begins the
 * server's decides. The MRxxx are raised by our own SQL functions, which name
 * the code in the exception's detail; the one here stands in for a missing one.
 * 08 includes 08P01, PgBouncer's word for having no server at hand.
 */
static const struct rule {
    const char *state;
    enum error_kind kind;
    const char *code;
} rules[] = {
    {"MR400", ERROR_INVALID,     "invalid_request"     },
    {"MR403", ERROR_FORBIDDEN,   "forbidden"           },
    {"MR404", ERROR_NOT_FOUND,   "not_found"           },
    {"MR409", ERROR_CONFLICT,    "conflict"            },
    {"MR413", ERROR_TOO_LARGE,   "too_large"           },
    {"MR422", ERROR_MISMATCH,    "mismatch"            },
    {"MR429", ERROR_TOO_MANY,    "rate_limited"        },
    {"MR503", ERROR_BUSY,        "busy"                },
    {"08",    ERROR_UNAVAILABLE, "database_unavailable"}, /* connection */
    {"25006", ERROR_UNAVAILABLE, "database_unavailable"}, /* a standby */
    {"40",    ERROR_UNAVAILABLE, "database_unavailable"}, /* serialization */
    {"53",    ERROR_UNAVAILABLE, "database_unavailable"}, /* resources */
    {"55P03", ERROR_UNAVAILABLE, "database_unavailable"}, /* lock timeout */
    {"57014", ERROR_UNAVAILABLE, "database_unavailable"}, /* cancelled */
    {"57P",   ERROR_UNAVAILABLE, "database_unavailable"}, /* shutdown */
    {"22",    ERROR_INVALID,     "invalid_data"        },
    {"23",    ERROR_INVALID,     "invalid_data"        },
    {"",      ERROR_INTERNAL,    "internal_error"      },
};

/* A relation, schema or function that is not there: an old or no schema. */
static bool schema_is_old(const char *state)
{
    return !strcmp(state, "42P01") || !strcmp(state, "3F000") ||
           !strcmp(state, "42883");
}

#define MAX_CODES    256
#define MAX_CODE_LEN 40

static bool is_code(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

    return len > 0 && len <= MAX_CODE_LEN && text[len] == '\0';
}

/*
 * error.code has the life of a literal, so codes that come from the server are
 * kept for good. There are as many as our SQL functions know; should something
 * else fill the table, further ones give way to the rule's own.
 */
static const char *keep_code(const char *text, const char *otherwise)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char codes[MAX_CODES][MAX_CODE_LEN + 1];
    static int count;
    const char *ret = otherwise;
    int i = 0;

    if (!text || !is_code(text))
        return otherwise;
    pthread_mutex_lock(&lock);
    while (i < count && strcmp(codes[i], text) != 0)
        i++;
    if (i == count && count < MAX_CODES)
        memcpy(codes[count++], text, strlen(text));
    if (i < count)
        ret = codes[i];
    pthread_mutex_unlock(&lock);
    return ret;
}

/* libpq's messages have several lines, indented with tabs: make them one. */
static void flatten(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        bool space = *from == '\n' || *from == '\t' || *from == ' ';

        if (!space)
            *to++ = *from;
        else if (to > text && to[-1] != ' ')
            *to++ = ' ';
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

static bool fail(struct error *err, enum error_kind kind, const char *code,
                 const char *message)
{
    error_set(err, kind, code, "%s", message);
    flatten(err->text);
    return false;
}

static bool url_is_broken(const char *url)
{
    PQconninfoOption *options;

    /* Anything else is the bare name of a database. */
    if (!strchr(url, '=') && !strstr(url, "://"))
        return false;
    options = PQconninfoParse(url, NULL);
    PQconninfoFree(options);
    return !options;
}

bool db_fail_connect(const struct db_conn *conn, const char *url,
                     struct error *err)
{
    const char *host = PQhost(conn->pg);

    /* libpq would quote the very part of the URL that holds the password. */
    if (url_is_broken(url))
        return error_set(err, ERROR_INVALID, "invalid_database_url",
                         "the database URL cannot be read: it is neither "
                         "postgresql://... nor name=value pairs");
    if (host && *host != '@' && strchr(host, '@'))
        return error_set(err, ERROR_INVALID, "invalid_database_url",
                         "the host in the database URL contains an @: write "
                         "%%40 where the password has one");
    return fail(err, ERROR_UNAVAILABLE, "database_unavailable",
                PQerrorMessage(conn->pg));
}

/* What no server has said: the connection broke, or libpq refused. */
static bool fail_without_state(const struct db_conn *conn, struct error *err)
{
    const char *message = PQerrorMessage(conn->pg);

    if (PQstatus(conn->pg) == CONNECTION_OK)
        return fail(err, ERROR_INTERNAL, "internal_error", message);
    return fail(err, ERROR_UNAVAILABLE, "database_unavailable",
                *message ? message : "the connection was lost");
}

static int number_in(const PGresult *pg, int field)
{
    const char *text = PQresultErrorField(pg, field);

    return text && *text ? (int)strtol(text, NULL, 10) : -1;
}

/* What our own SQL functions say beside the code: see millrace.refuse_for,
 * millrace.refuse_job and millrace.refuse_payload. */
static void add_facts(const PGresult *pg, struct error *err)
{
    const char *rival = PQresultErrorField(pg, PG_DIAG_CONSTRAINT_NAME);
    const char *errors = PQresultErrorField(pg, PG_DIAG_TABLE_NAME);
    int seconds = number_in(pg, PG_DIAG_MESSAGE_HINT);

    err->retry_after_s = seconds > 0 ? seconds : 0;
    err->item = number_in(pg, PG_DIAG_COLUMN_NAME) + 1;
    snprintf(err->rival, sizeof(err->rival), "%s", rival ? rival : "");
    snprintf(err->errors, sizeof(err->errors), "%s", errors ? errors : "");
}

bool db_fail_statement(const struct db_conn *conn, const PGresult *pg,
                       struct error *err)
{
    const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
    const struct rule *rule = rules;

    if (!state)
        return fail_without_state(conn, err);
    while (strncmp(state, rule->state, strlen(rule->state)) != 0)
        rule++;
    fail(err, rule->kind, rule->code,
         PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY));
    if (!strncmp(rule->state, "MR", 2)) {
        err->code = keep_code(PQresultErrorField(pg, PG_DIAG_MESSAGE_DETAIL),
                              rule->code);
        add_facts(pg, err);
    }
    if (schema_is_old(state))
        return error_set(err, err->kind, err->code,
                         "%s (has `millrace migrate` been run?)", err->text);
    return false;
}
