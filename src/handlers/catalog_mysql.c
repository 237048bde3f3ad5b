#include "catalog_db.h"
#include "catalog_sql.h"

#include <mysql.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FIELDS = 16, MAX_PARAMETERS = 4, CONNECT_S = 10 };

/* Plugins that prove who we are; others would ask at a terminal. */
#define AUTH_PLUGINS                                                           \
    "mysql_native_password,caching_sha2_password,sha256_password,"             \
    "client_ed25519,auth_parsec"

/* Whether another attempt may do better. */
static const struct {
    unsigned number;
    enum fault_status status;
    const char *code;
} errors[] = {
    {1040, FAULT_RETRY, "database_busy"       }, /* too many connections */
    {1203, FAULT_RETRY, "database_busy"       },
    {1226, FAULT_RETRY, "database_busy"       },
    {1205, FAULT_RETRY, "database_busy"       }, /* lock wait */
    {1213, FAULT_RETRY, "database_busy"       },
    {1053, FAULT_RETRY, "database_lost"       }, /* shutdown */
    {1927, FAULT_RETRY, "database_lost"       },
    {2006, FAULT_RETRY, "database_lost"       },
    {2013, FAULT_RETRY, "database_lost"       },
    {2055, FAULT_RETRY, "database_lost"       },
    {2002, FAULT_RETRY, "database_unreachable"},
    {2003, FAULT_RETRY, "database_unreachable"},
    {2005, FAULT_RETRY, "database_unreachable"},
    {2026, FAULT_DATA,  "tls_failed"          },
    {1044, FAULT_DATA,  "access_denied"       },
    {1045, FAULT_DATA,  "access_denied"       },
    {1142, FAULT_DATA,  "access_denied"       },
    {1227, FAULT_DATA,  "access_denied"       },
    {1698, FAULT_DATA,  "access_denied"       },
    {2059, FAULT_DATA,  "access_denied"       }, /* no such plugin here */
    {1049, FAULT_DATA,  "unknown_database"    },
};

static bool failed(unsigned number, const char *text, struct fault *err)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (errors[i].number == number)
            return fault_set(err, errors[i].status, errors[i].code,
                             "the database says (%u): %s", number, text);
    return fault_set(err, FAULT_DATA, "query_failed",
                     "the database says (%u): %s", number, text);
}

static bool stmt_failed(MYSQL_STMT *stmt, struct fault *err)
{
    return failed(mysql_stmt_errno(stmt), mysql_stmt_error(stmt), err);
}

/* The fields of a row that was fetched; what they have of bytes goes, one
 * behind the other, into memory that grows as it needs to. */
struct row {
    MYSQL_BIND binds[MAX_FIELDS];
    unsigned long lengths[MAX_FIELDS];
    my_bool nulls[MAX_FIELDS];
    unsigned count;
    char *data;
    size_t size;
};

static void make_room(struct row *row)
{
    size_t wanted = 0;

    for (unsigned i = 0; i < row->count; i++)
        wanted += row->nulls[i] ? 0 : row->lengths[i] + 1;
    if (wanted <= row->size)
        return;
    row->size = wanted * 2;
    row->data = realloc(row->data, row->size);
    if (!row->data)
        abort();
}

static bool fetch_fields(MYSQL_STMT *stmt, struct row *row, const char **fields,
                         struct fault *err)
{
    char *at;

    make_room(row);
    at = row->data;
    for (unsigned i = 0; i < row->count; i++) {
        MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING};

        fields[i] = NULL;
        if (row->nulls[i])
            continue;
        bind.buffer = at;
        bind.buffer_length = row->lengths[i] + 1;
        if (row->lengths[i] && mysql_stmt_fetch_column(stmt, &bind, i, 0))
            return stmt_failed(stmt, err);
        at[row->lengths[i]] = '\0';
        fields[i] = at;
        at += row->lengths[i] + 1;
    }
    return true;
}

static bool take_rows(MYSQL_STMT *stmt, struct row *row, row_fn *fn, void *arg,
                      struct fault *err)
{
    const char *fields[MAX_FIELDS] = {0};
    int state;

    while ((state = mysql_stmt_fetch(stmt)) != MYSQL_NO_DATA) {
        if (state != 0 && state != MYSQL_DATA_TRUNCATED)
            return stmt_failed(stmt, err);
        if (!fetch_fields(stmt, row, fields, err) || !fn(arg, fields, err))
            return false;
    }
    return true;
}

static bool bind_row(MYSQL_STMT *stmt, struct row *row, struct fault *err)
{
    row->count = mysql_stmt_field_count(stmt);
    if (row->count > MAX_FIELDS)
        row->count = MAX_FIELDS;
    for (unsigned i = 0; i < row->count; i++)
        row->binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                     .length = &row->lengths[i],
                                     .is_null = &row->nulls[i]};
    return mysql_stmt_bind_result(stmt, row->binds) == 0 ||
           stmt_failed(stmt, err);
}

/* The parameter stands wherever the statement has a question mark. */
static bool bind_parameter(MYSQL_STMT *stmt, const char *parameter,
                           struct fault *err)
{
    MYSQL_BIND binds[MAX_PARAMETERS] = {0};
    unsigned long len = parameter ? strlen(parameter) : 0;

    for (int i = 0; i < MAX_PARAMETERS; i++)
        binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                .buffer = (void *)(uintptr_t)parameter,
                                .buffer_length = len,
                                .length = &len};
    if (parameter && mysql_stmt_bind_param(stmt, binds))
        return stmt_failed(stmt, err);
    return mysql_stmt_execute(stmt) == 0 || stmt_failed(stmt, err);
}

static bool query(void *connection, const char *sql, const char *parameter,
                  row_fn *fn, void *arg, struct fault *err)
{
    MYSQL_STMT *stmt = mysql_stmt_init(connection);
    struct row row = {0};
    bool ok;

    if (!stmt)
        abort();
    ok = (mysql_stmt_prepare(stmt, sql, strlen(sql)) == 0 ||
          stmt_failed(stmt, err)) &&
         bind_parameter(stmt, parameter, err) && bind_row(stmt, &row, err) &&
         take_rows(stmt, &row, fn, arg, err);
    mysql_stmt_close(stmt);
    free(row.data);
    return ok;
}

static void finish(void *connection)
{
    mysql_close(connection);
    mysql_library_end();
}

static const struct catalog_driver driver = {.query = query, .close = finish};

static void set_tls(MYSQL *mysql, const struct place *place, const char *mode)
{
    /* The library verifies all of a certificate or nothing. */
    my_bool yes = 1, verify = place_verifies(place);

    mysql_ssl_set(mysql, NULL, NULL, place_ca_file(place), NULL, NULL);
    if (strcmp(mode, "prefer") != 0)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/*
 * The server is anybody's: it gets no file of ours (LOAD DATA LOCAL), and
 * "localhost" is no socket of this machine.
 */
static void set_options(MYSQL *mysql, const struct place *place)
{
    unsigned connect_s = CONNECT_S, local = 0;
    unsigned timeout_s = place->timeout_s > 0 ? (unsigned)place->timeout_s : 60;
    unsigned protocol =
        place->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;

    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &local);
    mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, AUTH_PLUGINS);
}

static const char *mode_of(const struct place *place)
{
    if (place->ssl_mode)
        return place->ssl_mode;
    return place->socket ? "disable" : "prefer";
}

static bool connect_to(MYSQL *mysql, const struct place *place,
                       struct fault *err)
{
    const char *mode = mode_of(place);

    set_options(mysql, place);
    if (strcmp(mode, "disable") != 0)
        set_tls(mysql, place, mode);
    if (!mysql_real_connect(mysql, place->socket ? NULL : place->host,
                            place->user, place->password, place->database,
                            place->port ? (unsigned)place->port : 3306,
                            place->socket, 0))
        return failed(mysql_errno(mysql), mysql_error(mysql), err);
    /* The library goes on without TLS where the server has none. */
    return !strcmp(mode, "disable") || !strcmp(mode, "prefer") ||
           mysql_get_ssl_cipher(mysql) ||
           fault_set(err, FAULT_DATA, "tls_failed",
                     "the database offers no TLS, and sslMode is \"%s\"", mode);
}

bool catalog_open_mysql(const struct place *place, struct catalog_db *ret,
                        struct fault *err)
{
    MYSQL *mysql = mysql_init(NULL);

    if (!mysql)
        abort();
    if (!connect_to(mysql, place, err)) {
        finish(mysql);
        return false;
    }
    *ret = (struct catalog_db){
        .dialect = strstr(mysql_get_server_info(mysql), "MariaDB")
                       ? &dialect_mariadb
                       : &dialect_mysql,
        .driver = &driver,
        .connection = mysql};
    return true;
}
