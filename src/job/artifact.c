#include "artifact.h"
#include "queries.h"

bool artifact_newest(struct db *db, void *mem, const char *owner,
                     const char *type, const char *name, const char **ret_job,
                     struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_ARTIFACT_NEWEST, DB_ARGS(owner, type, name),
                  &rows, err))
        return false;
    if (db_count(rows) == 0)
        return error_set(err, ERROR_NOT_FOUND, "artifact_not_found",
                         "no completed job has an artifact \"%.200s\"", name);
    *ret_job = db_text(rows, 0, "job_id");
    return true;
}
