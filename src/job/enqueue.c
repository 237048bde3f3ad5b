#include "enqueue.h"
#include "queries.h"

#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* The columns of the jobs, in the order of the statement's parameters. */
enum {
    ID,
    TYPE,
    QUEUE,
    PRIORITY,
    OWNER,
    PAYLOAD,
    DELAY_MS,
    RUN_AT,
    MAX_ATTEMPTS,
    TIMEOUT_MS,
    RETRY,
    TAGS,
    FILES,
    REQUEST,
    KEY_REQUEST,
    KEY_OWNER,
    KEY,
    KEY_FINGERPRINT,
    KEY_ANSWER,
    EXTRA,
    COLUMNS
};

struct columns {
    struct db_array *of[COLUMNS];
};

/* The rare options as one object; NULL: it has none. */
static const char *extra_of(void *mem, const struct new_job *job)
{
    if (!job->needs)
        return job->extra ? talloc_asprintf(mem, "{%s}", job->extra) : NULL;
    return talloc_asprintf(mem, "{%s%s\"dependsOn\":%s}",
                           job->extra ? job->extra : "", job->extra ? "," : "",
                           job->needs);
}

static void add_job(struct columns *to, const struct new_job *job,
                    const char *owner, int request)
{
    const char *values[] = {
        [ID] = job->id,
        [TYPE] = job->type,
        [QUEUE] = job->queue,
        [PRIORITY] = job->priority,
        [OWNER] = owner,
        [PAYLOAD] = job->payload,
        [DELAY_MS] = job->delay_ms,
        [RUN_AT] = job->run_at,
        [MAX_ATTEMPTS] = job->max_attempts,
        [TIMEOUT_MS] = job->timeout_ms,
        [RETRY] = job->retry,
        [TAGS] = job->tags,
        [FILES] = job->files,
    };

    for (int i = 0; i < REQUEST; i++)
        db_array_add(to->of[i], values[i]);
    db_array_add_int(to->of[REQUEST], request);
    db_array_add(to->of[EXTRA], extra_of(to->of[EXTRA], job));
}

static void add_key(struct columns *to, const struct posting *posting,
                    int request)
{
    if (!posting->key)
        return;
    db_array_add_int(to->of[KEY_REQUEST], request);
    db_array_add(to->of[KEY_OWNER], posting->owner);
    db_array_add(to->of[KEY], posting->key);
    db_array_add(to->of[KEY_FINGERPRINT], posting->fingerprint);
    db_array_add(to->of[KEY_ANSWER], posting->answer);
}

static void add_posting(struct columns *to, const struct posting *posting,
                        int request)
{
    for (int i = 0; i < posting->count; i++)
        add_job(to, &posting->jobs[i], posting->owner, request);
    add_key(to, posting, request);
}

/* The job of some postings that a row is about. Rows come in the order of the
 * jobs, or nearly: it is looked for from *posting and *at on. */
static struct new_job *find(struct posting *const *postings, int count,
                            const char *id, int *posting, int *at)
{
    for (int tries = 0; tries <= count; tries++) {
        for (; *at < postings[*posting]->count; (*at)++)
            if (!strcmp(postings[*posting]->jobs[*at].id, id))
                return &postings[*posting]->jobs[*at];
        *posting = (*posting + 1) % count;
        *at = 0;
    }
    return NULL;
}

/* What became of the jobs: where there is no row, their request is known. */
static void note(const struct db_result *rows, struct posting *const *postings,
                 int count)
{
    int posting = 0, at = 0;

    for (int i = 0; i < count; i++)
        postings[i]->known = postings[i]->key != NULL;
    for (int i = 0; i < db_count(rows); i++) {
        const char *instead = db_text(rows, i, "instead");
        struct new_job *job =
            find(postings, count, db_text(rows, i, "id"), &posting, &at);

        if (!job)
            continue;
        snprintf(job->instead, sizeof(job->instead), "%s",
                 instead ? instead : "");
        postings[posting]->known = false;
        postings[posting]->stale |=
            instead || (job->needs && postings[posting]->count == 1);
    }
}

/* The arrays of the jobs of some postings. */
static void fill(void *mem, struct posting *const *postings, int count,
                 const char **ret_args)
{
    struct columns columns;

    for (int i = 0; i < COLUMNS; i++)
        columns.of[i] = db_array_new(mem);
    for (int i = 0; i < count; i++)
        add_posting(&columns, postings[i], i);
    for (int i = 0; i < COLUMNS; i++)
        ret_args[i] = db_array_text(columns.of[i]);
}

bool enqueue_store(struct db *db, struct posting *const *postings, int count,
                   struct error *err)
{
    void *mem = talloc_new(NULL);
    const char *args[COLUMNS];
    struct db_result *rows;
    bool ok;

    fill(mem, postings, count, args);
    ok = db_query(db, mem, SQL_ENQUEUE_STORE, (struct db_args){COLUMNS, args},
                  &rows, err);
    if (ok)
        note(rows, postings, count);
    talloc_free(mem);
    return ok;
}

bool enqueue_answer(struct db *db, void *mem, const struct posting *posting,
                    const char **ret, struct error *err)
{
    struct db_array *ids = db_array_new(mem), *insteads = db_array_new(mem);
    struct db_result *rows;

    for (int i = 0; i < posting->count; i++) {
        const char *instead = posting->jobs[i].instead;

        db_array_add(ids, posting->jobs[i].id);
        db_array_add(insteads, *instead ? instead : NULL);
    }
    if (!db_query(db, mem, SQL_ENQUEUE_ANSWER,
                  DB_ARGS(posting->answer, db_array_text(ids),
                          db_array_text(insteads)),
                  &rows, err))
        return false;
    *ret = db_text(rows, 0, "answer");
    return true;
}

bool enqueue_store_batch(struct db *db, struct posting *posting,
                         struct error *err)
{
    enum { BATCH, OWNER_OF, TERMS, FIRST };
    void *mem = talloc_new(NULL);
    const char *args[FIRST + COLUMNS] = {[BATCH] = posting->batch,
                                         [OWNER_OF] = posting->owner,
                                         [TERMS] = posting->terms};
    struct db_result *rows;
    bool ok;

    fill(mem, &posting, 1, args + FIRST);
    ok = db_query(db, mem, SQL_BATCH_STORE,
                  (struct db_args){FIRST + COLUMNS, args}, &rows, err);
    if (ok) {
        note(rows, &posting, 1);
        posting->known = posting->key && db_count(rows) == 0;
    }
    talloc_free(mem);
    return ok;
}

bool enqueue_recall(struct db *db, void *mem, const char *owner,
                    const char *key, const char **ret_fingerprint,
                    const char **ret_answer, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_ENQUEUE_RECALL, DB_ARGS(owner, key), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return error_set(err, ERROR_NOT_FOUND, "key_not_found",
                         "nothing was posted with this Idempotency-Key");
    *ret_fingerprint = db_text(rows, 0, "fingerprint");
    *ret_answer = db_text(rows, 0, "answer");
    return true;
}

bool enqueue_check_files(struct db *db, const char *files, const char *owner,
                         char ret_missing[UUID_TEXT], struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_result *rows;
    bool ok = db_query(db, mem, SQL_ENQUEUE_MISSING_FILE, DB_ARGS(files, owner),
                       &rows, err);

    if (ok && db_count(rows) > 0) {
        snprintf(ret_missing, UUID_TEXT, "%s", db_text(rows, 0, "id"));
        ok = error_set(err, ERROR_INVALID, "unknown_file",
                       "there is no uploaded file %s", ret_missing);
    }
    talloc_free(mem);
    return ok;
}
