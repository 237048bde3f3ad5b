#include "many.h"
#include "queries.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define STEP 1000 /* jobs in one transaction */

static bool step(struct db *db, const struct many *many, int most, int *ret,
                 struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_result *rows;
    bool ok = db_query(
        db, mem, SQL_JOB_MANY,
        DB_ARGS(many->action, many->filter, many->owner, db_int(mem, most)),
        &rows, err);

    if (ok)
        *ret = (int)strtol(db_text(rows, 0, "n"), NULL, 10);
    talloc_free(mem);
    return ok;
}

static bool is_any_left(struct db *db, const struct many *many, bool *ret,
                        struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_result *rows;
    bool ok =
        db_query(db, mem, SQL_JOB_ANY,
                 DB_ARGS(many->action, many->filter, many->owner), &rows, err);

    if (ok)
        *ret = !strcmp(db_text(rows, 0, "more"), "t");
    talloc_free(mem);
    return ok;
}

bool job_many(struct db *db, const struct many *many, int *ret_changed,
              bool *ret_more, struct error *err)
{
    int changed = 0, count = 0;
    bool more = true;

    while (more && changed < many->limit) {
        int left = many->limit - changed;

        if (!step(db, many, left < STEP ? left : STEP, &count, err))
            break;
        changed += count;
        more = count > 0;
        many->on_step(many->arg);
    }
    if (changed == 0 && more)
        return false;
    if (changed == many->limit && !is_any_left(db, many, &more, err))
        more = true;
    *ret_changed = changed;
    *ret_more = more;
    return true;
}
