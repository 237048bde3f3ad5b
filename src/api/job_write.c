#include "job_write.h"
#include "url.h"

#include <string.h>
#include <talloc.h>

char *job_artifact_url(void *mem, const struct job_artifact *artifact)
{
    return talloc_asprintf(mem, "/api/jobs/%s/artifacts/%s", artifact->job_id,
                           url_encode(mem, artifact->name));
}

void job_write_artifacts(struct json_out *out, void *mem, const char *job_id,
                         const struct job_artifact *artifacts,
                         int artifact_count)
{
    json_begin_array(out, "artifacts");
    for (int i = 0; i < artifact_count; i++) {
        const struct job_artifact *artifact = &artifacts[i];

        if (strcmp(artifact->job_id, job_id) != 0)
            continue;
        json_begin_object(out, NULL);
        json_add_string(out, "name", artifact->name);
        json_add_int(out, "size", artifact->size);
        json_add_string(out, "contentType", artifact->content_type);
        json_add_string(out, "sha256", artifact->sha256);
        json_add_string(out, "url", job_artifact_url(mem, artifact));
        json_end(out);
    }
    json_end(out);
}

static const struct job_artifact *first_of(const char *job_id,
                                           const struct job_artifact *artifacts,
                                           int artifact_count)
{
    for (int i = 0; i < artifact_count; i++)
        if (!strcmp(artifacts[i].job_id, job_id))
            return &artifacts[i];
    return NULL;
}

static void write_facts(struct json_out *out, const struct job *job)
{
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "type", job->type);
    json_add_string(out, "queue", job->queue);
    json_add_string(out, "owner", job->owner);
    json_add_int(out, "priority", job->priority);
    json_add_string(out, "status", job->status);
    json_add_string(out, "state", job->state);
    json_add_int(out, "progress", job->progress);
    json_may_string(out, "message", job->message);
    json_add_int(out, "attempt", job->attempt);
    json_add_int(out, "maxAttempts", job->max_attempts);
    json_may_raw(out, "payload", job->payload);
    json_may_raw(out, "result", job->result);
    json_may_raw(out, "error", job->error);
    json_may_raw(out, "tags", job->tags);
    json_may_time(out, "createdAt", job->created_at);
    json_may_time(out, "runAt", job->run_at);
    json_may_time(out, "startedAt", job->started_at);
    json_may_time(out, "completedAt", job->completed_at);
    json_may_time(out, "keptUntil", job->kept_until);
    json_may_string(out, "worker", job->worker);
    if (job->options)
        json_add_members(out, job->options);
}

void job_write(struct json_out *out, void *mem, const struct job *job,
               const struct job_artifact *artifacts, int artifact_count)
{
    const struct job_artifact *first =
        first_of(job->id, artifacts, artifact_count);

    write_facts(out, job);
    if (!first)
        return;
    job_write_artifacts(out, mem, job->id, artifacts, artifact_count);
    json_add_string(out, "downloadUrl", job_artifact_url(mem, first));
}

bool job_send(struct request *req, struct response *res, struct db *db,
              const struct job *job, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct db_array *ids = db_array_new(req);
    struct job_artifact *artifacts = NULL;
    int count = 0;

    db_array_add(ids, job->id);
    if (job_is_final(job) &&
        !job_artifacts(db, req, db_array_text(ids), &artifacts, &count, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    job_write(out, req, job, artifacts, count);
    json_end(out);
    http_send(res, 200, out);
    return true;
}
