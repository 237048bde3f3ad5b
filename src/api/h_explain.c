#include "facts.h"
#include "handlers.h"
#include "job.h"
#include "queries.h"

bool explain_job(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    bool found;

    return http_id(req, &id, err) &&
           facts_one(req, res, 200, SQL_JOB_EXPLAIN,
                     DB_ARGS(id, http_owner(req)), &found, err);
}

bool get_attempts(struct request *req, struct response *res, struct error *err)
{
    const char *id;
    struct db *db;

    return http_id(req, &id, err) && http_db(req, &db, err) &&
           job_exists(db, id, http_owner(req), err) &&
           facts_list(req, res, "attempts", SQL_JOB_ATTEMPTS, DB_ARGS(id), err);
}

bool get_failures(struct request *req, struct response *res, struct error *err)
{
    return facts_list(req, res, "failures", SQL_JOB_FAILURES,
                      DB_ARGS(http_owner(req)), err);
}
