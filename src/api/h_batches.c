#include "api.h"
#include "batches.h"
#include "bell.h"
#include "clock.h"
#include "facts.h"
#include "handlers.h"
#include "queries.h"
#include "uuid.h"

#include <stddef.h>
#include <string.h>

#define STANDARD_LIMIT 50
#define LIST_MOST      1000

/* What one request cancels: steps of so many jobs, for so long. */
#define STEP_MOST  "500"
#define CANCEL_MS  10000
#define BEFORE_ALL "00000000-0000-0000-0000-000000000000"

static bool not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "batch_not_found",
                     "there is no such batch");
}

bool batch_exists(struct request *req, const char *id, struct error *err)
{
    struct db_result *rows;
    struct db *db;

    if (!http_db(req, &db, err) ||
        !db_query(db, req, SQL_BATCH_FACTS, DB_ARGS(id, http_owner(req)), &rows,
                  err))
        return false;
    return db_count(rows) > 0 || not_found(err);
}

/* --- a list */

/* An admin may name any owner; a user only themselves. */
static bool read_owner(struct request *req, const char **ret, struct error *err)
{
    const char *owner = http_owner(req), *wanted = http_arg(req, "owner");

    if (owner && wanted && strcmp(owner, wanted) != 0)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "only an admin sees the batches of others");
    *ret = wanted ? wanted : owner;
    return true;
}

static bool read_cursor(struct request *req, const char **ret,
                        struct error *err)
{
    *ret = http_arg(req, "cursor");
    if (!*ret || uuid_valid(*ret))
        return true;
    return error_set(err, ERROR_INVALID, "invalid_cursor",
                     "cursor must be the nextCursor of an earlier answer");
}

static void send_list(struct request *req, struct response *res,
                      const struct db_result *rows, int limit)
{
    struct json_out *out = json_out_new(req);
    int count = db_count(rows) < limit ? db_count(rows) : limit;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, "batches");
    for (int i = 0; i < count; i++)
        json_add_raw(out, NULL, db_text(rows, i, "facts"));
    json_end(out);
    if (db_count(rows) > limit)
        json_add_string(out, "nextCursor", db_text(rows, limit - 1, "id"));
    json_end(out);
    http_send(res, 200, out);
}

bool get_batches(struct request *req, struct response *res, struct error *err)
{
    const char *owner = NULL, *cursor = NULL;
    struct db_result *rows;
    int64_t limit;
    struct db *db;

    if (!read_owner(req, &owner, err) || !read_cursor(req, &cursor, err) ||
        !http_arg_int(req, "limit", 1, LIST_MOST, STANDARD_LIMIT, &limit,
                      err) ||
        !http_db(req, &db, err) ||
        !db_query(db, req, SQL_BATCH_LIST,
                  DB_ARGS(owner, cursor, db_int(req, limit + 1)), &rows, err))
        return false;
    send_list(req, res, rows, (int)limit);
    return true;
}

/* --- one */

bool get_batch(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    bool found;

    if (!http_id(req, &id, err) ||
        !facts_one(req, res, 200, SQL_BATCH_FACTS, DB_ARGS(id, http_owner(req)),
                   &found, err))
        return false;
    return found || not_found(err);
}

static bool close_it(struct request *req, const char **ret_id, struct db **ret,
                     struct error *err)
{
    return http_id(req, ret_id, err) && http_db(req, ret, err) &&
           db_exec(*ret, SQL_BATCH_CLOSE, DB_ARGS(*ret_id, http_owner(req)),
                   NULL, err);
}

bool close_batch(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    struct db *db;

    return close_it(req, &id, &db, err) && get_batch(req, res, err);
}

/* --- cancelling */

struct step {
    const char *last;
    int32_t n;
};

static const struct db_column step_columns[] = {
    DB_COLUMN(struct step, last),
    DB_COLUMN(struct step, n),
    {0},
};

/* Each step is a transaction of its own. *ret_more: the time was over first. */
static bool cancel_steps(struct request *req, struct db *db, const char *id,
                         int64_t *ret_matched, bool *ret_more,
                         struct error *err)
{
    int64_t until = clock_mono_ms() + CANCEL_MS;
    struct step step = {.last = BEFORE_ALL};
    struct db_result *rows;

    *ret_matched = 0;
    *ret_more = true;
    while (clock_mono_ms() < until) {
        if (!db_query(db, req, SQL_BATCH_CANCEL,
                      DB_ARGS(id, step.last, STEP_MOST), &rows, err) ||
            !db_row(rows, 0, step_columns, &step, err))
            return false;
        *ret_matched += step.n;
        bell_ring(req->api->conf->run_dir, "jobs");
        bell_ring(req->api->conf->run_dir, "events");
        if (!step.last) {
            *ret_more = false;
            break;
        }
    }
    return true;
}

/* Closed first, so that no more jobs come meanwhile. */
bool cancel_batch(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    int64_t matched;
    const char *id;
    struct db *db;
    bool more;

    if (!close_it(req, &id, &db, err) ||
        !cancel_steps(req, db, id, &matched, &more, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "batchId", id);
    json_add_int(out, "matched", matched);
    json_add_bool(out, "more", more);
    json_end(out);
    http_send(res, 202, out);
    return true;
}
