#include "connection.h"
#include "json.h"
#include "queries.h"

#include <inttypes.h>
#include <stddef.h>
#include <talloc.h>

const char *const connection_ssl_modes[] = {
    "disable", "prefer", "require", "verify-ca", "verify-full", NULL,
};

static const struct db_column columns[] = {
    DB_COLUMN(struct connection, id),
    DB_COLUMN(struct connection, owner),
    DB_COLUMN(struct connection, name),
    DB_COLUMN(struct connection, kind),
    DB_COLUMN(struct connection, host),
    DB_COLUMN(struct connection, port),
    DB_COLUMN(struct connection, database),
    DB_COLUMN(struct connection, user),
    DB_COLUMN(struct connection, ssl_mode),
    DB_COLUMN(struct connection, ca_certificate),
    DB_COLUMN(struct connection, sealed),
    DB_COLUMN(struct connection, server_version),
    DB_COLUMN(struct connection, tested_at),
    DB_COLUMN(struct connection, created_at),
    DB_COLUMN(struct connection, updated_at),
    DB_COLUMN(struct connection, trained_by),
    DB_COLUMN(struct connection, trained_at),
    DB_COLUMN(struct connection, counts),
    {0},
};

static const struct db_column cache_columns[] = {
    DB_COLUMN(struct schema_cache, job),
    DB_COLUMN(struct schema_cache, attempt),
    DB_COLUMN(struct schema_cache, trained_at),
    DB_COLUMN(struct schema_cache, result),
    DB_COLUMN(struct schema_cache, file),
    {0},
};

bool connection_row(const struct db_result *rows, int row,
                    struct connection *ret, struct error *err)
{
    return db_row(rows, row, columns, ret, err);
}

bool connection_list(struct db *db, void *mem, const char *owner,
                     const char *after_owner, const char *after_name, int limit,
                     struct connection **ret, int *ret_count, struct error *err)
{
    struct db_result *rows;
    struct connection *list;

    if (!db_query(
            db, mem, SQL_CONNECTION_FIND,
            DB_ARGS(owner, NULL, after_owner, after_name, db_int(mem, limit)),
            &rows, err))
        return false;
    list = talloc_zero_array(mem, struct connection, (unsigned)db_count(rows));
    for (int i = 0; i < db_count(rows); i++)
        if (!connection_row(rows, i, &list[i], err))
            return false;
    *ret = list;
    *ret_count = db_count(rows);
    return true;
}

bool connection_find(struct db *db, void *mem, const char *owner,
                     const char *id_or_name, struct connection *ret,
                     struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_CONNECTION_FIND,
                  DB_ARGS(owner, id_or_name, NULL, NULL, "1"), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return error_set(err, ERROR_NOT_FOUND, "connection_not_found",
                         "there is no such connection");
    return connection_row(rows, 0, ret, err);
}

bool connection_put(struct db *db, const struct connection *c, bool is_new,
                    bool tested, struct error *err)
{
    void *mem = talloc_new(NULL);
    bool ok =
        db_exec(db, SQL_CONNECTION_PUT,
                DB_ARGS(is_new ? "t" : "f", c->id, c->owner, c->name, c->kind,
                        c->host, db_int(mem, c->port), c->database, c->user,
                        c->ssl_mode, c->ca_certificate, c->sealed,
                        c->server_version, tested ? "t" : "f"),
                NULL, err);

    talloc_free(mem);
    return ok;
}

bool connection_tested(struct db *db, const char *id, const char *version,
                       struct error *err)
{
    return db_exec(db, SQL_CONNECTION_TESTED, DB_ARGS(id, version), NULL, err);
}

bool connection_delete(struct db *db, const char *id, struct error *err)
{
    return db_exec(db, SQL_CONNECTION_DELETE, DB_ARGS(id), NULL, err);
}

static bool not_cached(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "not_cached",
                     "the schema of this connection has not been read yet, or "
                     "was forgotten; POST to its train-schema reads it");
}

bool schema_cache_get(struct db *db, void *mem, const char *id,
                      struct schema_cache *ret, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_SCHEMA_CACHE, DB_ARGS(id), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return not_cached(err);
    return db_row(rows, 0, cache_columns, ret, err);
}

bool schema_cache_delete(struct db *db, const char *id, struct error *err)
{
    int64_t count;

    if (!db_exec(db, SQL_SCHEMA_CACHE_DELETE, DB_ARGS(id), &count, err))
        return false;
    return count > 0 || not_cached(err);
}

/* ------------------------------------------------------------ password */

/* What a password is sealed for. */
struct bound {
    char port[16];
    const char *list[7];
};

static const char *const *bound_to(const struct connection *c,
                                   struct bound *ret)
{
    snprintf(ret->port, sizeof(ret->port), "%" PRId32, c->port);
    ret->list[0] = c->id;
    ret->list[1] = c->owner;
    ret->list[2] = c->kind;
    ret->list[3] = c->host;
    ret->list[4] = ret->port;
    ret->list[5] = c->user;
    ret->list[6] = NULL;
    return ret->list;
}

char *connection_seal(void *mem, const struct seal_key *key,
                      const struct connection *connection, const char *password)
{
    struct bound bound = {0};

    return seal_text(mem, key, password, bound_to(connection, &bound));
}

bool connection_unseal(void *mem, const struct seal_key *key,
                       const struct connection *connection, char **ret,
                       struct error *err)
{
    struct bound bound = {0};

    *ret = NULL;
    return !connection->sealed ||
           unseal_text(mem, key, connection->sealed,
                       bound_to(connection, &bound), ret) ||
           error_set(err, ERROR_UNAVAILABLE, "sealed_connection",
                     "the password of the connection cannot be opened with "
                     "this key; save it again");
}

char *connection_text(void *mem, const struct connection *c,
                      const char *password, const char *ca_file)
{
    struct json_out *out = json_out_new(NULL);
    char *text;

    json_begin_object(out, NULL);
    json_may_string(out, "id", c->id);
    json_may_string(out, "name", c->name);
    json_add_string(out, "kind", c->kind);
    json_add_string(out, "host", c->host);
    json_add_int(out, "port", c->port);
    json_add_string(out, "database", c->database);
    json_add_string(out, "user", c->user);
    json_may_string(out, "password", password);
    json_may_string(out, "sslMode", c->ssl_mode);
    if (ca_file) {
        json_begin_object(out, "options");
        json_add_string(out, "caFile", ca_file);
        json_end(out);
    }
    json_end(out);
    text = talloc_strdup(mem, json_out_text(out, NULL));
    talloc_free(out);
    return text;
}
