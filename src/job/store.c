#include "store.h"

#include <string.h>
#include <talloc.h>

static const char *spread(const char *id)
{
    size_t len = strlen(id);

    return len < 2 ? id : id + len - 2;
}

char *store_file(void *mem, const char *file_id)
{
    return talloc_asprintf(mem, "files/%s/%s", spread(file_id), file_id);
}

char *store_job(void *mem, const char *job_id)
{
    return talloc_asprintf(mem, "artifacts/%s/%s", spread(job_id), job_id);
}

char *store_artifacts(void *mem, const char *job_id, int attempt)
{
    return talloc_asprintf(mem, "artifacts/%s/%s/%d", spread(job_id), job_id,
                           attempt);
}

char *store_work(void *mem, const char *job_id, int attempt)
{
    return talloc_asprintf(mem, "work/%s-%d", job_id, attempt);
}
