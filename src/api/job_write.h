#ifndef API_JOB_WRITE_H
#define API_JOB_WRITE_H

#include "http.h"
#include "job.h"

/* Add the members of a job to the object that is begun, as the API shows it;
 * of the artifacts those that are this job's. */
void job_write(struct json_out *out, void *mem, const struct job *job,
               const struct job_artifact *artifacts, int artifact_count);

/* Add an array of artifacts. */
void job_write_artifacts(struct json_out *out, void *mem, const char *job_id,
                         const struct job_artifact *artifacts,
                         int artifact_count);

/* Where an artifact can be had, on `mem`. */
char *job_artifact_url(void *mem, const struct job_artifact *artifact);

/* Answer with one job, whole: the artifacts are looked up. */
bool job_send(struct request *req, struct response *res, struct db *db,
              const struct job *job, struct error *err) MUST_CHECK;

#endif
