/*
 * How attempts end, and what the database will hear of it.
 */
#include "attempt.h"

#include "artifact.h"
#include "ask.h"
#include "clock.h"
#include "facts.h"
#include "log.h"
#include "recorder.h"
#include "retry.h"
#include "secret.h"
#include "workdir.h"
#include "worker.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <talloc.h>

static void hide_secrets(struct attempt *attempt, const char **text)
{
    char *hidden =
        *text ? secrets_hide(attempt, attempt->secrets, *text, strlen(*text))
              : NULL;

    if (hidden)
        *text = hidden;
}

/* What is stored of an attempt tells none of its payload's secrets. */
static void hide_all_secrets(struct attempt *attempt)
{
    hide_secrets(attempt, &attempt->end.result);
    hide_secrets(attempt, &attempt->end.error);
    hide_secrets(attempt, &attempt->end.facts);
}

void attempt_hand_over(struct attempt *attempt, const char *state)
{
    struct worker *worker = attempt->worker;

    attempt->stage = ATTEMPT_ENDED;
    attempt->ended_ms = clock_mono_ms();
    attempt->end.state = state;
    attempt->end.facts = facts_text(attempt, state);
    hide_all_secrets(attempt);
    worker->unrecorded++;
    worker->unrecorded_bytes += attempt_weight(attempt);
    recorder_end(worker->recorder, attempt);
    worker_turn_soon(worker);
}

static void free_slot(struct attempt *attempt)
{
    attempt->worker->programs--;
    if (attempt->reserve)
        attempt->reserve->running--;
    ask_freed(attempt->worker);
}

/* Nothing of it is in a handler's hands any more: it is the recorder's. */
static void end(struct attempt *attempt, const char *state)
{
    struct worker *worker = attempt->worker;

    assert(attempt->stage != ATTEMPT_ENDED);
    if (attempt->started_ms)
        attempt_drop_timers(attempt);
    attempt->lane->held--;
    if (lane_is_program(attempt->lane))
        free_slot(attempt);
    TALLOC_FREE(attempt->payload);
    if (attempt->workdir)
        workdir_drop(worker, attempt->workdir);
    TALLOC_FREE(attempt->workdir);
    attempt_hand_over(attempt, state);
}

static char *error_json(void *mem, const struct failure *failure)
{
    struct json_out *out = json_out_new(mem);
    char *details =
        failure->details
            ? json_dumps(failure->details, JSON_COMPACT | JSON_ENCODE_ANY)
            : NULL;
    char *text;

    json_begin_object(out, NULL);
    json_add_string(out, "code", failure->code);
    json_add_string(out, "message", failure->message);
    json_may_raw(out, "details", details);
    json_end(out);
    text = talloc_strdup(mem, json_out_text(out, NULL));
    free(details);
    talloc_free(out);
    return text;
}

/* The policy was checked when the job was stored; what is odd still counts as
 * the default. */
static int64_t backoff_ms(const struct attempt *attempt)
{
    struct retry policy = retry_default;
    void *scratch = talloc_new(NULL);
    struct error err;
    json_t *json;

    if (attempt->retry && (!json_parse(scratch, attempt->retry,
                                       strlen(attempt->retry), &json, &err) ||
                           !retry_read(json, &policy, &err)))
        log_warn("job %s: %s", attempt->id, err.text);
    talloc_free(scratch);
    return retry_delay_ms(&policy, attempt->number,
                          (double)randombytes_random() / 4294967296.0);
}

static const char *set_failure(struct attempt *attempt,
                               const struct failure *failure)
{
    attempt->end.result = NULL;
    attempt->end.artifacts = NULL;
    attempt->end.error = error_json(attempt, failure);
    if (failure->final || attempt->number >= attempt->max_attempts)
        return "discarded";
    attempt->end.delay_ms =
        failure->retry_after_ms ? failure->retry_after_ms : backoff_ms(attempt);
    return "retryable";
}

static void end_with_failure(struct attempt *attempt,
                             const struct failure *failure)
{
    end(attempt, set_failure(attempt, failure));
}

static void end_timed_out(struct attempt *attempt)
{
    char *limit = duration_text(attempt, attempt->timeout_ms);
    struct failure failure = {
        .code = "timeout",
        .message = talloc_asprintf(attempt,
                                   "the attempt took longer than its timeout "
                                   "of %s",
                                   limit),
    };

    end_with_failure(attempt, &failure);
}

static void end_silent(struct attempt *attempt)
{
    char *limit = duration_text(attempt, attempt->heartbeat_ms);
    struct failure failure = {
        .code = "heartbeat_timeout",
        .message = talloc_asprintf(attempt,
                                   "the attempt has said nothing for longer "
                                   "than its heartbeat timeout of %s",
                                   limit),
    };

    end_with_failure(attempt, &failure);
}

static void end_cancelled(struct attempt *attempt)
{
    static const struct failure cancelled = {
        .code = "cancelled", .message = "cancelled while it ran"};

    attempt->end.error = error_json(attempt, &cancelled);
    end(attempt, "cancelled");
}

static void end_stopped(struct attempt *attempt)
{
    attempt->end.result = NULL;
    switch (attempt->stop) {
    case STOP_TIMEOUT:
        end_timed_out(attempt);
        break;
    case STOP_HEARTBEAT:
        end_silent(attempt);
        break;
    case STOP_CANCEL:
        end_cancelled(attempt);
        break;
    case STOP_GIVE_BACK:
    case STOP_LOST:
    case STOP_NONE:
        end(attempt, "available");
        break;
    }
}

void attempt_give_back(struct attempt *attempt)
{
    if (!attempt->stop)
        attempt->stop = STOP_GIVE_BACK;
    end_stopped(attempt);
}

/* A job that has failed ends all the same where its files cannot be kept. */
static void on_gathered(struct attempt *attempt, const struct error *err)
{
    struct failure failure = {.code = "artifact_failed"};
    char *note;

    if (attempt->stop) {
        artifacts_remove(attempt);
        end_stopped(attempt);
    } else if (attempt->end.error) {
        if (err) {
            note = talloc_asprintf(attempt, "millrace: %s", err->text);
            recorder_log(attempt->worker->recorder, attempt, note,
                         strlen(note));
        }
        end(attempt, "discarded");
    } else if (err) {
        failure.message = err->text;
        end_with_failure(attempt, &failure);
    } else {
        end(attempt, "completed");
    }
}

static void gather(struct attempt *attempt)
{
    attempt_drop_timers(attempt);
    attempt->stage = ATTEMPT_GATHERING;
    artifacts_gather(attempt, on_gathered);
}

void attempt_fail(struct attempt *attempt, const struct failure *failure)
{
    const char *state;

    if (attempt->stop) {
        end_stopped(attempt);
        return;
    }
    state = set_failure(attempt, failure);
    if (failure->keeps_artifacts && attempt->workdir &&
        !strcmp(state, "discarded"))
        gather(attempt);
    else
        end(attempt, state);
}

void attempt_complete(struct attempt *attempt, const char *result, size_t len)
{
    if (attempt->stop) {
        end_stopped(attempt);
        return;
    }
    if (result)
        attempt->end.result = talloc_strndup(attempt, result, len);
    if (!attempt->workdir) {
        end(attempt, "completed");
        return;
    }
    gather(attempt);
}

void attempt_replace(struct attempt *attempt, const char *why)
{
    struct failure failure = {
        .code = "invalid_result",
        .message = talloc_asprintf(attempt,
                                   "the database does not take what the "
                                   "handler gave: %s",
                                   why),
        .final = true,
    };

    attempt->replaced = true;
    if (attempt->end.artifacts)
        artifacts_remove(attempt);
    attempt->end.state = set_failure(attempt, &failure);
    hide_all_secrets(attempt);
}

size_t attempt_weight(const struct attempt *attempt)
{
    return (attempt->end.result ? strlen(attempt->end.result) : 0) +
           (attempt->end.error ? strlen(attempt->end.error) : 0) +
           (attempt->end.facts ? strlen(attempt->end.facts) : 0);
}

void attempt_free(struct attempt *attempt)
{
    struct worker *worker = attempt->worker;

    assert(attempt->stage == ATTEMPT_ENDED);
    TAILQ_REMOVE(&worker->attempts, attempt, all);
    talloc_free(attempt);
}
