#include "schema.h"

#include "migrations.h"
#include "queries.h"

#include <talloc.h>
#include <time.h>

/* Between two looks whether the database answers. */
#define WAIT_MS 250

int schema_version(void)
{
    return migrations[migration_count - 1].version;
}

struct found {
    bool has_schema, has_table;
};

static const struct db_column found_columns[] = {
    DB_COLUMN(struct found, has_schema),
    DB_COLUMN(struct found, has_table),
    {0},
};

static bool look(struct db *db, struct found *ret, struct error *err)
{
    struct db_result *rows;
    bool ok;

    if (!db_query(db, db, SQL_SCHEMA_FOUND, DB_NO_ARGS, &rows, err))
        return false;
    ok = db_row(rows, 0, found_columns, ret, err);
    talloc_free(rows);
    return ok;
}

struct version {
    int32_t version;
};

static const struct db_column version_columns[] = {
    DB_COLUMN(struct version, version),
    {0},
};

/* The newest migration of the database; 0 where there is none. */
static bool version_read(struct db *db, int *ret, struct error *err)
{
    struct found found;
    struct version newest = {0};
    struct db_result *rows;
    bool ok;

    if (!look(db, &found, err))
        return false;
    if (found.has_table) {
        if (!db_query(db, db, SQL_SCHEMA_VERSION, DB_NO_ARGS, &rows, err))
            return false;
        ok = db_row(rows, 0, version_columns, &newest, err);
        talloc_free(rows);
        if (!ok)
            return false;
    }
    *ret = newest.version;
    return true;
}

static bool refuse_newer(int version, struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "schema_newer",
                     "the database is at version %d, this program knows only "
                     "%d: install a newer Millrace",
                     version, schema_version());
}

/* Begin a transaction in which no other runner changes the schema. */
static bool begin(struct db *db, struct error *err)
{
    return db_script(db, "begin", err) &&
           db_exec(db, SQL_SCHEMA_LOCK, DB_NO_ARGS, NULL, err);
}

/* Commit what went well, else roll back; *err keeps saying why. */
static bool end(struct db *db, bool good, struct error *err)
{
    struct error ignored;
    bool ended =
        db_script(db, good ? "commit" : "rollback", good ? err : &ignored);

    return good && ended;
}

static bool create_missing(struct db *db, struct error *err)
{
    struct found found;

    if (!look(db, &found, err))
        return false;
    if (!found.has_schema &&
        !db_exec(db, SQL_SCHEMA_CREATE, DB_NO_ARGS, NULL, err))
        return false;
    return found.has_table ||
           db_exec(db, SQL_MIGRATION_TABLE_CREATE, DB_NO_ARGS, NULL, err);
}

static bool bootstrap(struct db *db, struct error *err)
{
    return end(db, begin(db, err) && create_missing(db, err), err);
}

/* The row comes first: where it is there, someone else was faster. */
static bool apply(struct db *db, const struct migration *m, bool *ret_fresh,
                  struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_args args = DB_ARGS(db_int(mem, m->version), m->name);
    int64_t added = 0;
    bool ok = db_exec(db, SQL_MIGRATION_ADD, args, &added, err);

    talloc_free(mem);
    if (!ok)
        return false;
    if (added && !db_script(db, m->sql, err))
        return error_prefix(err, "migration %d (%s)", m->version, m->name);
    *ret_fresh = added > 0;
    return true;
}

bool schema_migrate(struct db *db,
                    void (*on_step)(int version, const char *name, void *arg),
                    void *arg, struct error *err)
{
    int version;

    if (!version_read(db, &version, err))
        return false;
    if (version > schema_version())
        return refuse_newer(version, err);
    if (version == schema_version())
        return true;
    if (!bootstrap(db, err))
        return false;
    for (size_t i = 0; i < migration_count; i++) {
        bool fresh = false;

        if (!end(db, begin(db, err) && apply(db, &migrations[i], &fresh, err),
                 err))
            return false;
        if (fresh && on_step)
            on_step(migrations[i].version, migrations[i].name, arg);
    }
    return schema_check(db, err);
}

bool schema_check(struct db *db, struct error *err)
{
    int version;

    if (!version_read(db, &version, err))
        return false;
    if (version > schema_version())
        return refuse_newer(version, err);
    if (version < schema_version())
        return error_set(err, ERROR_CONFLICT, "schema_older",
                         "the database is at version %d, this program needs "
                         "%d: run `millrace migrate`",
                         version, schema_version());
    return true;
}

/* One look: connect, and see whether the database fits. */
static bool check_url(const char *url, struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db *db;
    bool ok = db_open(mem, url, &db, err) && schema_check(db, err);

    talloc_free(mem);
    return ok;
}

bool schema_wait(const char *url, void (*on_wait)(const struct error *why),
                 bool (*stop)(void), struct error *err)
{
    const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
    bool told = false;

    while (!check_url(url, err)) {
        if (err->kind != ERROR_UNAVAILABLE || (stop && stop()))
            return false;
        if (!told && on_wait)
            on_wait(err);
        told = true;
        nanosleep(&pause, NULL);
    }
    return true;
}
