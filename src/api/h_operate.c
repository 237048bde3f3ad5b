#include "facts.h"
#include "handlers.h"
#include "queries.h"

static bool pause_or_resume(struct request *req, struct response *res,
                            bool pause, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct db *db;

    if (!http_db(req, &db, err) ||
        !db_exec(db, SQL_TYPE_PAUSE, DB_ARGS(req->params[0], pause ? "t" : "f"),
                 NULL, err))
        return false;
    facts_ring(req);
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "type", req->params[0]);
    json_add_bool(out, "paused", pause);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool pause_type(struct request *req, struct response *res, struct error *err)
{
    return pause_or_resume(req, res, true, err);
}

bool resume_type(struct request *req, struct response *res, struct error *err)
{
    return pause_or_resume(req, res, false, err);
}

bool get_workers(struct request *req, struct response *res, struct error *err)
{
    return facts_list(req, res, "workers", SQL_WORKER_FACTS, DB_NO_ARGS, err);
}

bool get_owners(struct request *req, struct response *res, struct error *err)
{
    return facts_list(req, res, "owners", SQL_OWNER_FACTS,
                      DB_ARGS((const char *)NULL), err);
}

bool put_owner(struct request *req, struct response *res, struct error *err)
{
    const char *name = req->params[0];
    struct db *db;
    json_t *body;
    bool found;

    return http_json(req, &body, err) && http_db(req, &db, err) &&
           db_exec(db, SQL_OWNER_SET, DB_ARGS(name, req->text), NULL, err) &&
           facts_one(req, res, 200, SQL_OWNER_FACTS, DB_ARGS(name), &found,
                     err);
}

/* An admin sees all there is; a user what has become of their newest jobs. */
bool get_stats(struct request *req, struct response *res, struct error *err)
{
    bool found;

    return facts_one(req, res, 200, SQL_JOB_STATS, DB_ARGS(http_owner(req)),
                     &found, err);
}
