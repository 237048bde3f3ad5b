#include "analysis.h"
#include "clock.h"
#include "handlers.h"
#include "post.h"
#include "receive.h"

#include <string.h>
#include <talloc.h>

static const char *option_of(const struct receipt *receipt)
{
    const char *option = receive_field(receipt, "filterOption");

    return option ? option : "all";
}

static bool check_option(const char *option, struct error *err)
{
    return !strcmp(option, "all") || !strcmp(option, "recommended") ||
           error_set(err, ERROR_INVALID, "invalid_filter_option",
                     "filterOption must be \"all\" or \"recommended\", not "
                     "\"%.80s\"",
                     option);
}

static void make_job(struct request *req, const struct file *file,
                     const char *option, struct new_job *ret)
{
    struct json_out *payload = json_out_new(req);
    struct db_array *files = db_array_new(req);

    json_begin_object(payload, NULL);
    json_add_string(payload, "filterOption", option);
    json_add_string(payload, "file", file->name);
    json_end(payload);
    db_array_add(files, file->id);
    *ret = (struct new_job){.type = ANALYSIS_TYPE,
                            .payload = json_out_text(payload, NULL),
                            .files = db_array_text(files)};
    uuid_new(clock_now_ms(), ret->id);
}

static const char *answer_of(struct request *req, const struct new_job *job)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "status", "processing");
    json_add_string(out, "message",
                    "Analysis started. Use the jobId to check progress.");
    json_end(out);
    return json_out_text(out, NULL);
}

/* What an Idempotency-Key stands for: the boundaries of a form differ each time
 * that it is sent, what it says does not. */
static const char *gist_of(struct request *req, const struct file *file,
                           const struct new_job *job)
{
    return talloc_asprintf(req, "%s %s", file->sha256, job->payload);
}

/*
 * The file is noted by now. It goes again where the job was refused, and where
 * the key brought back an earlier one; not where nobody knows whether the job
 * was stored.
 */
static bool enqueue(struct request *req, struct response *res,
                    struct receipt *receipt, struct new_job *job,
                    struct error *err)
{
    const char *gist = gist_of(req, upload_file(receipt->files[0]), job);
    struct post post = {.jobs = job,
                        .count = 1,
                        .answer = answer_of(req, job),
                        .path = "/api/v1/analysis/analyze-file",
                        .body = gist,
                        .body_len = strlen(gist)};
    const char *answer = NULL;
    bool ok = post_store(req, res, &post, &answer, err);

    if (ok ? answer != post.answer : err->kind != ERROR_UNAVAILABLE)
        receive_undo(req, receipt);
    if (!ok)
        return false;
    res->status = 202;
    res->body = answer;
    res->body_len = strlen(answer);
    return true;
}

static bool begin(struct request *req, struct response *res,
                  struct receipt *receipt, struct error *err)
{
    const char *option = option_of(receipt);
    struct new_job job;

    if (!check_option(option, err) || !receive_note(req, receipt, err))
        return false;
    make_job(req, upload_file(receipt->files[0]), option, &job);
    return enqueue(req, res, receipt, &job, err);
}

bool post_analysis(struct request *req, struct response *res, struct error *err)
{
    static const struct receive_form form = {.file = "file",
                                             .fields = "filterOption"};
    struct receipt *receipt;
    bool ok;

    if (!http_is_type(req, "multipart/form-data"))
        return error_set(err, ERROR_MEDIA, "unsupported_media_type",
                         "the body must be multipart/form-data, not %.80s",
                         req->content_type ? req->content_type : "none");
    if (!receive_form(req, &form, &receipt, err))
        return false;
    ok = begin(req, res, receipt, err);
    talloc_free(receipt);
    return ok;
}
