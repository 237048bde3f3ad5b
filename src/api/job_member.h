#ifndef API_JOB_MEMBER_H
#define API_JOB_MEMBER_H

#include "enqueue.h"
#include "json.h"

/* One job on its way in: the object as it was written, and what it becomes. */
struct reading {
    void *mem;
    const char *text;
    size_t len;
    const char *name; /* of the member that is read */
    struct new_job *job;
};

/* A member that a new job may have. `read` checks its value and puts it into
 * the job: ERROR_INVALID with a code that says what is wrong. */
struct job_member {
    const char *name;
    bool (*read)(struct reading *in, json_t *value, struct error *err);
    bool takes_null; /* else null is as if it were left out */
};

/* By its name; NULL where there is none. */
const struct job_member *job_member_find(const char *name);

/* Those that a document job has beside its payload. */
const struct job_member *job_member_of_document(const char *name);

#endif
