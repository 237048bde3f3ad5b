#include "handlers.h"
#include "job_read.h"
#include "post.h"

/* The files must be there, but for a post that is repeated: they may be gone by
 * now. *ret_answer is then the answer of that time, else NULL. */
static bool check_files(struct request *req, struct response *res,
                        const struct post *post, const char **ret_answer,
                        struct error *err)
{
    const char *files = post->jobs->files;
    char missing[UUID_TEXT];
    struct db *db;

    *ret_answer = NULL;
    if (!files)
        return true;
    if (!post_recall(req, res, post, ret_answer, err))
        return false;
    if (*ret_answer)
        return true;
    if (!http_db(req, &db, err))
        return false;
    return enqueue_check_files(db, files, http_owner(req), missing, err) ||
           post_blame(req, res, false, "files", err);
}

static bool read(struct request *req, struct response *res, struct new_job *ret,
                 struct error *err)
{
    const char *member;
    json_t *body;

    if (!http_json(req, &body, err))
        return false;
    if (!job_read(req, body, req->text, req->text_len, ret, &member, err))
        return post_blame(req, res, false, member, err);
    if (!ret->ref)
        return true;
    error_set(err, ERROR_INVALID, "invalid_member",
              "ref is for the jobs of a batch, to name one another");
    return post_blame(req, res, false, "ref", err);
}

bool post_job(struct request *req, struct response *res, struct error *err)
{
    struct new_job job;
    const char *answer;

    if (!read(req, res, &job, err))
        return false;

    struct post post = {.jobs = &job,
                        .count = 1,
                        .answer = post_answer(req, &job),
                        .path = "/api/jobs",
                        .body = req->text,
                        .body_len = req->text_len};

    if (!check_files(req, res, &post, &answer, err))
        return false;
    if (!answer && !post_store(req, res, &post, &answer, err))
        return post_blame(req, res, false, NULL, err);
    return post_reply(req, res, answer, err);
}
