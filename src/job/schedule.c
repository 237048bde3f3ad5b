#include "schedule.h"
#include "queries.h"

#include <stddef.h>
#include <string.h>
#include <talloc.h>

static const struct db_column columns[] = {
    DB_COLUMN(struct schedule, owner),
    DB_COLUMN(struct schedule, name),
    DB_COLUMN(struct schedule, cron),
    DB_COLUMN(struct schedule, every_ms),
    DB_COLUMN(struct schedule, timezone),
    DB_COLUMN(struct schedule, type),
    DB_COLUMN(struct schedule, payload),
    DB_COLUMN(struct schedule, options),
    DB_COLUMN(struct schedule, overlap),
    DB_COLUMN(struct schedule, missed),
    DB_COLUMN(struct schedule, missed_limit),
    DB_COLUMN(struct schedule, paused),
    DB_COLUMN(struct schedule, next_run_at),
    DB_COLUMN(struct schedule, last_run_at),
    DB_COLUMN(struct schedule, last_job_id),
    DB_COLUMN(struct schedule, last_error),
    DB_COLUMN(struct schedule, created_at),
    {0},
};

struct time_row {
    int64_t at;
};

static const struct db_column time_columns[] = {
    DB_COLUMN(struct time_row, at),
    {0},
};

struct put_row {
    const char *name;
    bool fresh;
};

static const struct db_column put_columns[] = {
    DB_COLUMN(struct put_row, name),
    DB_COLUMN(struct put_row, fresh),
    {0},
};

static bool not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "schedule_not_found",
                     "there is no such schedule");
}

bool schedule_put(struct db *db, void *mem, const char *owner, const char *name,
                  const char *spec, bool only_new, bool *ret_created,
                  const char **ret_name, struct error *err)
{
    struct db_args args = DB_ARGS(owner, name, spec, only_new ? "t" : "f");
    struct db_result *rows;
    struct put_row row;

    if (!db_query(db, mem, SQL_SCHEDULE_PUT, args, &rows, err) ||
        !db_row(rows, 0, put_columns, &row, err))
        return false;
    *ret_created = row.fresh;
    *ret_name = row.name;
    return true;
}

static bool find(struct db *db, void *mem, struct db_args args,
                 struct schedule **ret, int *ret_count, struct error *err)
{
    struct db_result *rows;
    struct schedule *list;

    if (!db_query(db, mem, SQL_SCHEDULE_FIND, args, &rows, err))
        return false;
    list = talloc_zero_array(mem, struct schedule, (unsigned)db_count(rows));
    for (int i = 0; i < db_count(rows); i++)
        if (!db_row(rows, i, columns, &list[i], err))
            return false;
    *ret = list;
    *ret_count = db_count(rows);
    return true;
}

bool schedule_list(struct db *db, void *mem, const char *owner,
                   const char *after_owner, const char *after_name, int limit,
                   struct schedule **ret, int *ret_count, struct error *err)
{
    return find(
        db, mem,
        DB_ARGS(owner, NULL, after_owner, after_name, db_int(mem, limit)), ret,
        ret_count, err);
}

bool schedule_by_name(struct db *db, void *mem, const char *owner,
                      const char *name, struct schedule *ret, struct error *err)
{
    struct schedule *list;
    int count;

    if (!find(db, mem, DB_ARGS(owner, name, NULL, NULL, "1"), &list, &count,
              err))
        return false;
    if (count == 0)
        return not_found(err);
    *ret = list[0];
    return true;
}

bool schedule_pause(struct db *db, const char *owner, const char *name,
                    bool pause, struct error *err)
{
    return db_exec(db, SQL_SCHEDULE_PAUSE,
                   DB_ARGS(owner, name, pause ? "t" : "f"), NULL, err);
}

bool schedule_run_now(struct db *db, void *mem, const char *owner,
                      const char *name, const char **ret_job, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_SCHEDULE_NOW, DB_ARGS(owner, name), &rows, err))
        return false;
    *ret_job = db_text(rows, 0, "job_id");
    return true;
}

bool schedule_delete(struct db *db, const char *owner, const char *name,
                     struct error *err)
{
    return db_exec(db, SQL_SCHEDULE_DELETE, DB_ARGS(owner, name), NULL, err);
}

bool schedule_next(struct db *db, void *mem, const char *owner,
                   const char *name, int count, int64_t **ret, int *ret_count,
                   struct error *err)
{
    struct db_args args = DB_ARGS(owner, name, db_int(mem, count));
    struct db_result *rows;
    struct time_row row;
    int64_t *times;

    if (!db_query(db, mem, SQL_SCHEDULE_COMING, args, &rows, err))
        return false;
    if (db_count(rows) == 0)
        return not_found(err);
    times = talloc_array(mem, int64_t, (unsigned)db_count(rows));
    for (int i = 0; i < db_count(rows); i++) {
        if (!db_row(rows, i, time_columns, &row, err))
            return false;
        times[i] = row.at;
    }
    *ret = times;
    *ret_count = db_count(rows);
    return true;
}
