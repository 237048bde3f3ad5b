#include "facts.h"
#include "handlers.h"
#include "queries.h"

bool get_queues(struct request *req, struct response *res, struct error *err)
{
    return facts_list(req, res, "queues", SQL_QUEUE_FACTS,
                      DB_ARGS((const char *)NULL), err);
}

bool get_queue(struct request *req, struct response *res, struct error *err)
{
    const char *name = req->params[0];
    bool found;

    if (!facts_one(req, res, 200, SQL_QUEUE_FACTS, DB_ARGS(name), &found, err))
        return false;
    return found || error_set(err, ERROR_NOT_FOUND, "queue_not_found",
                              "the queue \"%.100s\" has neither settings nor "
                              "jobs",
                              name);
}

/* The workers look at once: a limit may be higher now. */
bool put_queue(struct request *req, struct response *res, struct error *err)
{
    struct db *db;
    json_t *body;

    if (!http_json(req, &body, err) || !http_db(req, &db, err) ||
        !db_exec(db, SQL_QUEUE_SET, DB_ARGS(req->params[0], req->text), NULL,
                 err))
        return false;
    facts_ring(req);
    return get_queue(req, res, err);
}

static bool pause_or_resume(struct request *req, struct response *res,
                            bool pause, struct error *err)
{
    struct db *db;

    if (!http_db(req, &db, err) ||
        !db_exec(db, SQL_QUEUE_PAUSE,
                 DB_ARGS(req->params[0], pause ? "t" : "f"), NULL, err))
        return false;
    facts_ring(req);
    return get_queue(req, res, err);
}

bool pause_queue(struct request *req, struct response *res, struct error *err)
{
    return pause_or_resume(req, res, true, err);
}

bool resume_queue(struct request *req, struct response *res, struct error *err)
{
    return pause_or_resume(req, res, false, err);
}
