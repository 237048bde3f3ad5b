#ifndef JOB_ENQUEUE_H
#define JOB_ENQUEUE_H

#include "db.h"
#include "uuid.h"

#define ENQUEUE_MOST     10000 /* jobs in one call */
#define ENQUEUE_PRIORITY 100   /* at most, and at least its negative */
#define ENQUEUE_ATTEMPTS 100
#define ENQUEUE_TAGS     20
#define ENQUEUE_TAG_LEN  100

/* A job to be stored, each member as the statement's text. NULL is what the
 * type has for default. At most one of run_at and delay_ms is set. */
struct new_job {
    char id[UUID_TEXT];
    const char *type;
    const char *queue, *priority, *max_attempts, *timeout_ms;
    const char *run_at; /* RFC 3339 */
    const char *delay_ms;
    const char *payload;      /* JSON; never NULL */
    const char *retry;        /* JSON */
    const char *tags, *files; /* arrays (db_array_text) */
    bool later;               /* run_at, or the delay's end, lies ahead */
    const char *extra;        /* the rare options: members of a JSON object */
    const char *needs;        /* the JSON array of what it depends on */
    const char *ref;          /* its name for the others of its batch */
    bool admin_only;          /* has an option that is for admins */
    char instead[UUID_TEXT];  /* who stands for it: set by enqueue_store */
};

/*
 * What one request posts: stored as a whole or not at all. With a key it is
 * stored only if its owner has not used the key before; `known` says that it
 * was, and that nothing has been stored now. `stale`: it is stored, and
 * `answer` does not say what became of it (see enqueue_answer): a job gave way
 * to the one that has its unique key, or a single job depends on others.
 */
struct posting {
    const char *owner;
    struct new_job *jobs;
    int count;
    const char *key, *fingerprint, *answer; /* key NULL: none */
    const char *batch; /* the batch that they belong to, or NULL */
    const char *terms; /* JSON: what is said of a new one; NULL: it is there */
    bool known, stale;
};

/*
 * Store the postings in one transaction, all or nothing. ERROR_INVALID where an
 * option is wrong (unknown_type: no worker has registered a job's type),
 * ERROR_CONFLICT, ERROR_TOO_MANY and ERROR_BUSY where it may not be now; where
 * one job is to blame, err->item counts them through all postings.
 */
bool enqueue_store(struct db *db, struct posting *const *postings, int count,
                   struct error *err) MUST_CHECK;

/* The answer to a posting that is stale and has no key, on `mem`: with the jobs
 * that stand for others, and the state as it is now. */
bool enqueue_answer(struct db *db, void *mem, const struct posting *posting,
                    const char **ret, struct error *err) MUST_CHECK;

/*
 * The same of one posting and its batch, which may have no jobs where it is
 * new. ERROR_INVALID where its terms are wrong, ERROR_NOT_FOUND batch_not_found
 * and ERROR_CONFLICT batch_closed where more jobs have none.
 */
bool enqueue_store_batch(struct db *db, struct posting *posting,
                         struct error *err) MUST_CHECK;

/* The fingerprint and the answer that an owner's key was first used with, on
 * `mem`. ERROR_NOT_FOUND key_not_found. */
bool enqueue_recall(struct db *db, void *mem, const char *owner,
                    const char *key, const char **ret_fingerprint,
                    const char **ret_answer, struct error *err) MUST_CHECK;

/* Whether all these uploads (an array's text) are the owner's; NULL: anyone's.
 * ERROR_INVALID unknown_file; its id is then in `ret_missing`. */
bool enqueue_check_files(struct db *db, const char *files, const char *owner,
                         char ret_missing[UUID_TEXT],
                         struct error *err) MUST_CHECK;

#endif
