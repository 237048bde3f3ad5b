#ifndef API_POST_H
#define API_POST_H

#include "enqueue.h"
#include "http.h"

/* What a request posts and how it shall be answered. */
struct post {
    struct new_job *jobs;
    int count;
    const char *batch, *terms; /* see struct posting */
    const char *answer;        /* the whole body of the answer */
    /* What the Idempotency-Key stands for: the request's, the path by the first
     * of its names. */
    const char *path, *body;
    size_t body_len;
};

/* Whether the caller may post such jobs: ERROR_FORBIDDEN admin_only, err->item
 * says which not. */
bool post_allowed(const struct request *req, const struct new_job *jobs,
                  int count, struct error *err) MUST_CHECK;

/*
 * Store the jobs for the caller, all or nothing. With an Idempotency-Key that
 * was used before for the same request nothing is stored: *ret_answer is then
 * the answer of that time, and the response says so in a header; else it is
 * post->answer, or what that has to be where it could not be foreseen: with
 * `existing` where jobs that were there already stand for others.
 * ERROR_MISMATCH idempotency_key_reused. Takes no connection of the request
 * with it: see http_db_done.
 */
bool post_store(struct request *req, struct response *res,
                const struct post *post, const char **ret_answer,
                struct error *err) MUST_CHECK;

/*
 * Only look whether the Idempotency-Key was used before: then as above, else
 * *ret_answer is NULL. For what a repeated request need not satisfy any more.
 */
bool post_recall(struct request *req, struct response *res,
                 const struct post *post, const char **ret_answer,
                 struct error *err) MUST_CHECK;

/* The body of the answer to one job. */
const char *post_answer(void *mem, const struct new_job *job);

/* What a refusal names beside its message: which job of several, the member
 * (NULL: if the code tells it) and the job that is in the way. Returns false.
 */
bool post_blame(struct request *req, struct response *res, bool several,
                const char *member, const struct error *err);

/* Answer 202 (200 where the job was there already), or with "Prefer: wait=N"
 * 200 and the whole job if it ends in time. `answer` is what post_store gave.
 */
bool post_reply(struct request *req, struct response *res, const char *answer,
                struct error *err) MUST_CHECK;

#endif
