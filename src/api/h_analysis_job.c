#include "analysis.h"
#include "artifact.h"
#include "handlers.h"
#include "job.h"
#include "store.h"
#include "url.h"
#include "uuid.h"

#include <string.h>
#include <talloc.h>

static void write_processing(struct json_out *out, const struct job *job)
{
    json_add_int(out, "progress", job->progress);
    json_add_string(out, "message",
                    job->message ? job->message : "Analysis in progress");
}

/* Members that are ours, whatever the job's result says. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"success", "jobId",       "status",
                                       "message", "downloadUrl", "excelFile"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (!strcmp(name, ours[i]))
            return true;
    return false;
}

/* A member's name without its escapes; NULL for one that no C string holds. */
static const char *name_of(void *mem, const struct json_member *member)
{
    json_t *string = json_loadb(member->name - 1, member->name_len + 2,
                                JSON_DECODE_ANY, NULL);
    char *name = string ? talloc_strdup(mem, json_string_value(string)) : NULL;

    json_decref(string);
    return name;
}

static void write_result(struct json_out *out, void *mem, const char *result)
{
    size_t len = result ? strlen(result) : 0, at = 0;
    struct json_member member;

    while (json_next_member(result, len, &at, &member)) {
        const char *name = name_of(mem, &member);

        if (name && !is_ours(name))
            json_add_raw(out, name,
                         talloc_strndup(mem, member.value, member.value_len));
    }
}

/* The workbook among what the job made; NULL: it made nothing. */
static const struct job_artifact *
report_of(const struct job_artifact *artifacts, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(artifacts[i].name, ANALYSIS_REPORT))
            return &artifacts[i];
    return count > 0 ? artifacts : NULL;
}

static void write_completed(struct json_out *out, void *mem,
                            const struct job *job,
                            const struct job_artifact *report)
{
    json_add_string(out, "message", "Analysis completed successfully");
    if (report) {
        json_add_string(out, "downloadUrl",
                        talloc_asprintf(mem, "/api/v1/analysis/download/%s-%s",
                                        job->id,
                                        url_encode(mem, report->name)));
        json_add_string(out, "excelFile", report->name);
    }
    write_result(out, mem, job->result);
}

/* A value of the job's error as it was written, or a text in its place. */
static void write_reason(struct json_out *out, void *mem, const char *name,
                         const char *error, const char *member,
                         const char *standard)
{
    char *value =
        error ? json_member_text(mem, error, strlen(error), member) : NULL;

    if (value)
        json_add_raw(out, name, value);
    else
        json_add_string(out, name, standard);
}

/* There is no word for a cancelled analysis: it has failed to come about. */
static void write_failed(struct json_out *out, void *mem, const struct job *job)
{
    bool cancelled = !strcmp(job->state, "cancelled");
    const char *error = cancelled ? NULL : job->error;
    bool has_details =
        error && json_member_text(mem, error, strlen(error), "details");

    json_begin_object(out, "error");
    write_reason(out, mem, "message", error, "message",
                 cancelled ? "the analysis was cancelled"
                           : "the analysis failed");
    write_reason(out, mem, "details", error, has_details ? "details" : "code",
                 job->state);
    json_end(out);
}

static void send_state(struct request *req, struct response *res,
                       const struct job *job, const struct job_artifact *report)
{
    bool completed = !strcmp(job->state, "completed");
    bool failed = job_is_final(job) && !completed;
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", !failed);
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "status",
                    completed ? "completed"
                    : failed  ? "failed"
                              : "processing");
    if (completed)
        write_completed(out, req, job, report);
    else if (failed)
        write_failed(out, req, job);
    else
        write_processing(out, job);
    json_end(out);
    http_send(res, 200, out);
}

bool get_analysis(struct request *req, struct response *res, struct error *err)
{
    struct db_array *ids = db_array_new(req);
    struct job_artifact *artifacts = NULL;
    const char *id;
    struct job job;
    struct db *db;
    int count = 0;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !job_by_id(db, req, id, http_owner(req), &job, err))
        return false;
    if (strcmp(job.type, ANALYSIS_TYPE) != 0)
        return error_set(err, ERROR_NOT_FOUND, "job_not_found",
                         "there is no such analysis");
    db_array_add(ids, job.id);
    if (!strcmp(job.state, "completed") &&
        !job_artifacts(db, req, db_array_text(ids), &artifacts, &count, err))
        return false;
    send_state(req, res, &job, report_of(artifacts, count));
    return true;
}

/* The id that a download's name begins with ("<id>-<name>", "<id>.xlsx"), on
 * the request, and the artifact's name behind it; NULL: it is a name only. */
static const char *id_of(struct request *req, const char *download,
                         const char **ret_name)
{
    const char *id = talloc_strndup(req, download, UUID_TEXT - 1);
    const char *rest = download + strlen(id);

    *ret_name = download;
    if (!uuid_valid(id) || (*rest != '-' && *rest != '.'))
        return NULL;
    *ret_name = *rest == '-' ? rest + 1 : ANALYSIS_REPORT;
    return id;
}

bool get_report(struct request *req, struct response *res, struct error *err)
{
    struct job_artifact artifact;
    const char *name, *id = id_of(req, req->params[0], &name);
    struct db *db;

    if (!http_db(req, &db, err))
        return false;
    if (!id && !artifact_newest(db, req, req->caller.owner, ANALYSIS_TYPE, name,
                                &id, err))
        return false;
    if (!job_artifact(db, req, id, http_owner(req), name, &artifact, err))
        return false;
    http_send_file(
        req, res,
        talloc_asprintf(req, "%s/%s",
                        store_artifacts(req, artifact.job_id, artifact.attempt),
                        artifact.name),
        artifact.name, artifact.content_type);
    return true;
}
