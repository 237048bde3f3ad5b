#include "api.h"
#include "clock.h"
#include "elements.h"
#include "handlers.h"
#include "job_read.h"
#include "post.h"
#include "refs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <talloc.h>

/*
 * A batch in memory is several times as large as its body. One larger than an
 * ordinary body waits for the others of its kind, so that many at once cannot
 * fill the memory; and not many wait, since each of them holds a thread.
 */
#define MOST_LARGE 8

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static atomic_int large_count;

/* Jobs for themselves, a new batch of them, or more of a batch. */
enum form { FORM_JOBS, FORM_BATCH, FORM_MORE };

/* The jobs of a batch as they were written and as they were read. */
struct batch {
    enum form form;
    const char *id;    /* of the batch; NULL: they have none */
    const char *terms; /* what is said of a new one; NULL: it is none */
    json_t *list;
    const char *text;
    size_t len;
    struct new_job *jobs;
    int count;
};

/* Name the job, and the member if it is known, that is at fault. */
static bool blame(struct request *req, struct response *res, int index,
                  const char *member, struct error *err)
{
    err->item = index + 1;
    return post_blame(req, res, true, member, err);
}

static bool is_jobs(const struct json_member *member)
{
    return member->name_len == strlen("jobs") &&
           !memcmp(member->name, "jobs", member->name_len);
}

/* The value of the member `jobs`, where it stands in the body, and the other
 * members as an object of their own. Where it is the only one, its name may be
 * written in any way. */
static void find_list(struct request *req, struct batch *batch)
{
    char *terms = talloc_strdup(req, "{");
    struct json_member member;
    size_t at = 0;

    while (json_next_member(req->text, req->text_len, &at, &member)) {
        if (batch->form != FORM_BATCH || is_jobs(&member)) {
            batch->text = member.value;
            batch->len = member.value_len;
            continue;
        }
        terms = talloc_asprintf_append_buffer(
            terms, "%s\"%.*s\":%.*s", terms[1] ? "," : "", (int)member.name_len,
            member.name, (int)member.value_len, member.value);
    }
    if (batch->form == FORM_BATCH)
        batch->terms = talloc_strdup_append_buffer(terms, "}");
}

/* Whose batch it is, and which: a new one's id is made here. */
static bool name_batch(struct request *req, struct batch *batch,
                       struct error *err)
{
    char *id;

    if (batch->form == FORM_MORE)
        return http_id(req, &batch->id, err);
    if (batch->form == FORM_BATCH) {
        id = talloc_size(req, UUID_TEXT);
        uuid_new(clock_now_ms(), id);
        batch->id = id;
    }
    return true;
}

/* An open batch may get all of its jobs later. */
static int least_of(const struct batch *batch, const json_t *body)
{
    return batch->form == FORM_BATCH &&
                   json_is_true(json_object_get(body, "open"))
               ? 0
               : 1;
}

static bool open_batch(struct request *req, json_t *body, struct batch *batch,
                       struct error *err)
{
    int least = least_of(batch, body);

    batch->list = json_object_get(body, "jobs");
    if (!json_is_array(batch->list) ||
        (batch->form != FORM_BATCH && json_object_size(body) != 1))
        return error_set(err, ERROR_INVALID, "invalid_batch",
                         "the body must be {\"jobs\": [...]}%s",
                         batch->form == FORM_BATCH ? "" : " and nothing else");
    batch->count = (int)json_array_size(batch->list);
    if (batch->count < least || batch->count > ENQUEUE_MOST)
        return error_set(err, ERROR_INVALID, "invalid_batch",
                         "a batch has %d to %d jobs, not %zu", least,
                         ENQUEUE_MOST, json_array_size(batch->list));
    find_list(req, batch);
    if (batch->count > 0 && !batch->text)
        return error_set(err, ERROR_INVALID, "invalid_batch",
                         "the member jobs must be written without escapes");
    return name_batch(req, batch, err);
}

static bool read_jobs(struct request *req, struct response *res,
                      struct batch *batch, struct error *err)
{
    const char *text, *member = NULL;
    size_t len, at = 0;

    batch->jobs = talloc_array(req, struct new_job, (unsigned)batch->count);
    for (int i = 0; i < batch->count; i++) {
        json_t *job = json_array_get(batch->list, (size_t)i);

        if (!elements_next(batch->text, batch->len, &at, &text, &len))
            return error_set(err, ERROR_INTERNAL, "internal_error",
                             "a batch was read in two ways");
        if (!json_is_object(job))
            error_set(err, ERROR_INVALID, "invalid_batch",
                      "each job must be an object");
        else if (job_read(req, job, text, len, &batch->jobs[i], &member, err))
            continue;
        return blame(req, res, i, member, err);
    }
    return refs_resolve(req, batch->list, batch->jobs, batch->count, err) ||
           post_blame(req, res, true, NULL, err);
}

/* The files of all jobs as one array; NULL: they have none. */
static const char *files_of(struct request *req, const struct batch *batch)
{
    struct db_array *wanted = db_array_new(req);
    bool any = false;

    for (int i = 0; i < batch->count; i++) {
        json_t *file, *list = json_object_get(
                          json_array_get(batch->list, (size_t)i), "files");
        size_t k;

        json_array_foreach(list, k, file) {
            db_array_add(wanted, json_string_value(file));
            any = true;
        }
    }
    return any ? db_array_text(wanted) : NULL;
}

static bool check_files(struct request *req, struct response *res,
                        const struct batch *batch, const char *files,
                        struct error *err)
{
    char missing[UUID_TEXT];
    struct db *db;

    if (!http_db(req, &db, err))
        return false;
    if (enqueue_check_files(db, files, http_owner(req), missing, err))
        return true;
    for (int i = 0; i < batch->count; i++)
        if (batch->jobs[i].files && strcasestr(batch->jobs[i].files, missing))
            return blame(req, res, i, "files", err);
    return false;
}

static const char *answer_of(struct request *req, const struct batch *batch)
{
    struct json_out *out = json_out_new(req);
    size_t len;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_may_string(out, "batchId", batch->id);
    json_add_int(out, batch->id ? "jobs" : "count", batch->count);
    json_begin_array(out, "jobIds");
    for (int i = 0; i < batch->count; i++)
        json_add_string(out, NULL, batch->jobs[i].id);
    json_end(out);
    json_end(out);
    return json_out_text(out, &len);
}

/* *ret_answer is set where the batch was stored before: its files need not be
 * there any more, nor need it still be open. */
static bool prepare(struct request *req, struct response *res,
                    const struct batch *batch, const struct post *post,
                    const char **ret_answer, struct error *err)
{
    const char *files = files_of(req, batch);

    *ret_answer = NULL;
    if (!files && !batch->id)
        return true;
    return post_recall(req, res, post, ret_answer, err) &&
           (*ret_answer || !files || check_files(req, res, batch, files, err));
}

/* What the Idempotency-Key is used with. */
static const char *path_of(struct request *req, const struct batch *batch)
{
    switch (batch->form) {
    case FORM_BATCH:
        return "/api/batches";
    case FORM_MORE:
        return talloc_asprintf(req, "/api/batches/%s/jobs", batch->id);
    case FORM_JOBS:
        break;
    }
    return "/api/jobs/batch";
}

static void reply(struct request *req, struct response *res,
                  const struct batch *batch, const char *answer)
{
    size_t len = strlen(answer);
    char *id = json_member_text(req, answer, len, "batchId");

    /* That of a replayed answer is not this request's. */
    if (batch->form == FORM_BATCH && id)
        http_header(
            req, res, "Location",
            talloc_asprintf(req, "/api/batches/%.*s", UUID_TEXT - 1, id + 1));
    res->status = 202;
    res->body = answer;
    res->body_len = len;
}

static bool store(struct request *req, struct response *res,
                  const struct batch *batch, struct error *err)
{
    struct post post = {.jobs = batch->jobs,
                        .count = batch->count,
                        .batch = batch->id,
                        .terms = batch->terms,
                        .answer = answer_of(req, batch),
                        .path = path_of(req, batch),
                        .body = req->text,
                        .body_len = req->text_len};
    const char *answer;

    if (!prepare(req, res, batch, &post, &answer, err))
        return false;
    if (!answer && !post_store(req, res, &post, &answer, err))
        return err->item > 0 && post_blame(req, res, true, NULL, err);
    reply(req, res, batch, answer);
    return true;
}

static bool take_batch(struct request *req, struct response *res,
                       enum form form, struct error *err)
{
    struct batch batch = {.form = form};
    json_t *body;

    return http_json(req, &body, err) && open_batch(req, body, &batch, err) &&
           read_jobs(req, res, &batch, err) && store(req, res, &batch, err);
}

static bool take_large(struct request *req, struct response *res,
                       enum form form, struct error *err)
{
    bool ok;

    if (atomic_fetch_add(&large_count, 1) < MOST_LARGE) {
        pthread_mutex_lock(&one_at_a_time);
        ok = take_batch(req, res, form, err);
        http_db_drop(req);
        pthread_mutex_unlock(&one_at_a_time);
    } else {
        ok = error_set(err, ERROR_UNAVAILABLE, "overloaded",
                       "too many large batches at once; try again");
    }
    atomic_fetch_sub(&large_count, 1);
    return ok;
}

static bool take(struct request *req, struct response *res, enum form form,
                 struct error *err)
{
    bool large =
        req->body.length < 0 || req->body.length > req->api->conf->max_body;

    /* The connection that asked for the caller is not held while waiting. */
    http_db_done(req);
    return large ? take_large(req, res, form, err)
                 : take_batch(req, res, form, err);
}

bool post_batch(struct request *req, struct response *res, struct error *err)
{
    return take(req, res, FORM_JOBS, err);
}

bool post_batches(struct request *req, struct response *res, struct error *err)
{
    return take(req, res, FORM_BATCH, err);
}

bool post_batch_jobs(struct request *req, struct response *res,
                     struct error *err)
{
    return take(req, res, FORM_MORE, err);
}
