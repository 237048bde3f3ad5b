#include "words.h"

#include <string.h>
#include <talloc.h>

const char *const job_statuses[] = {"pending", "processing", "completed",
                                    "failed",  "cancelled",  NULL};
const char *const job_states[] = {"scheduled", "pending",   "available",
                                  "active",    "retryable", "completed",
                                  "cancelled", "discarded", NULL};

bool word_check(void *mem, const char *name, const char *value,
                const char *const *words, const char *code, struct error *err)
{
    char *known = talloc_strdup(mem, "");

    if (!value)
        return true;
    for (; *words; words++) {
        if (!strcmp(*words, value))
            return true;
        known =
            talloc_asprintf_append(known, "%s%s", *known ? ", " : "", *words);
    }
    return error_set(err, ERROR_INVALID, code, "%s must be one of %s", name,
                     known);
}
