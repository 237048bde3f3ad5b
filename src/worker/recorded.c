#include "recorded.h"

#include "artifact.h"
#include "claim.h"
#include "log.h"
#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

static const struct {
    const char *state, *said;
} words[] = {
    {"completed", "JOB_COMPLETED" },
    {"discarded", "JOB_FAILED"    },
    {"retryable", "JOB_RETRYING"  },
    {"cancelled", "JOB_CANCELLED" },
    {"available", "JOB_GIVEN_BACK"},
};

static const char *word_for(const char *state)
{
    for (size_t i = 0; state && i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(words[i].state, state))
            return words[i].said;
    return "JOB_STALE";
}

static void say(const struct attempt *attempt, const char *state)
{
    char number[12], duration[32];
    bool started = attempt->started_ms > 0;

    snprintf(number, sizeof(number), "%d", attempt->number);
    snprintf(duration, sizeof(duration), "%" PRId64 "ms",
             attempt->ended_ms - attempt->started_ms);
    log_facts(LOG_LEVEL_INFO, word_for(state), "jobId", attempt->id, "type",
              attempt->lane ? attempt->lane->type->type : NULL, "attempt",
              number, "duration", started ? duration : NULL, "error",
              attempt->end.error, NULL);
}

void recorded(struct attempt *attempt, const char *state)
{
    say(attempt, state);
    if (!state) {
        if (attempt->end.artifacts)
            artifacts_remove(attempt);
    } else if (!strcmp(state, "completed") || !strcmp(state, "discarded")) {
        if (attempt->number > 1)
            artifacts_remove_older(attempt);
    } else if (!strcmp(state, "retryable")) {
        claimer_due(attempt->worker->claimer, attempt->end.delay_ms);
    }
}
