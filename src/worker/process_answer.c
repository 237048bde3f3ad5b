/*
 * What a warm process answers.
 */
#include "process_private.h"

#include "answer.h"
#include "log.h"
#include "pool.h"
#include "recorder.h"
#include "result.h"
#include "said.h"
#include "text.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

static struct attempt *flight_by_id(const struct process *process,
                                    const struct span *id)
{
    struct attempt *attempt;

    if (id->len != UUID_TEXT - 1)
        return NULL;
    TAILQ_FOREACH(attempt, &process->flight, place)
        if (!memcmp(attempt->id, id->text, id->len))
            return attempt;
    return NULL;
}

static void land(struct process *process, struct attempt *attempt)
{
    TAILQ_REMOVE(&process->flight, attempt, place);
    process->load--;
    process->proven = true;
    pool_answered(process->pool);
}

static void take_result(struct process *process, struct attempt *attempt,
                        const struct span *result)
{
    static const struct failure too_large = RESULT_TOO_LARGE;

    land(process, attempt);
    if (result->len > RESULT_MAX)
        attempt_fail(attempt, &too_large);
    else
        attempt_complete(attempt, result->text, result->len);
    process_landed(process);
}

/* A small value as a tree; NULL where there is none, or no JSON. */
static json_t *tree_of(void *mem, const struct span *span)
{
    struct error err;
    json_t *tree;

    return span->text && json_parse(mem, span->text, span->len, &tree, &err)
               ? tree
               : NULL;
}

static void take_error(struct process *process, struct attempt *attempt,
                       const struct answer *answer)
{
    void *mem = talloc_new(NULL);
    struct said said = {0};
    bool retry = !answer->retry.text || answer->retry.len != 5 ||
                 memcmp(answer->retry.text, "false", 5) != 0;

    if (!said_error(mem, tree_of(mem, &answer->error), &said))
        said.message =
            talloc_strndup(mem, answer->error.text, answer->error.len);
    land(process, attempt);
    attempt_fail(attempt, &(struct failure){
                              .code = said.code ? said.code : "handler_failed",
                              .message = said.message ? said.message : "failed",
                              .details = said.details,
                              .final = !retry,
                              .keeps_artifacts = said.keeps_artifacts,
                              .retry_after_ms = said_retry_after(
                                  tree_of(mem, &answer->retry_after)),
                          });
    process_landed(process);
    talloc_free(mem);
}

static void take_log(struct attempt *attempt, json_t *log)
{
    const char *text = json_string_value(log), *feed;

    for (; text && (feed = strchr(text, '\n')); text = feed + 1)
        recorder_log(attempt->worker->recorder, attempt, text,
                     (size_t)(feed - text));
    if (text && *text)
        recorder_log(attempt->worker->recorder, attempt, text, strlen(text));
}

static void take_report(struct attempt *attempt, const char *line, size_t len)
{
    void *mem = talloc_new(NULL);
    struct error err;
    json_t *tree;

    if (json_parse(mem, line, len, &tree, &err) && said_progress(attempt, tree))
        take_log(attempt, json_object_get(tree, "log"));
    else
        recorder_log(attempt->worker->recorder, attempt, line, len);
    talloc_free(mem);
}

/* A line that means nothing to us is named in our log, in part. */
static void complain(const struct process *process, const char *what,
                     const char *line, size_t len)
{
    char *part = text_clean(NULL, line, text_cut(line, len, 200));

    log_facts(LOG_LEVEL_WARN, what, "type", process->pool->lane->type->type,
              "line", part, NULL);
    talloc_free(part);
}

static void take_answer(struct process *process, const char *line, size_t len)
{
    struct attempt *attempt;
    struct answer answer;

    if (!answer_read(line, len, &answer)) {
        complain(process, "a handler wrote a line that is no answer", line,
                 len);
        return;
    }
    attempt = flight_by_id(process, &answer.id);
    if (!attempt) {
        complain(process, "a handler answered for a job that it has not", line,
                 len);
        return;
    }
    attempt_heard(attempt);
    if (answer.progress.text || answer.message.text || answer.log.text)
        take_report(attempt, line, len);
    if (answer.result.text)
        take_result(process, attempt, &answer.result);
    else if (answer.error.text)
        take_error(process, attempt, &answer);
}

/* The whole is not kept, but whose result it was can be told. */
static void take_cut_answer(struct process *process, const char *line,
                            size_t len)
{
    static const struct failure too_large = RESULT_TOO_LARGE;
    struct attempt *attempt = NULL;
    struct span id;

    if (answer_read_id(line, len, &id))
        attempt = flight_by_id(process, &id);
    if (!attempt) {
        complain(process, "a handler wrote a line that is too long", line, len);
        return;
    }
    land(process, attempt);
    attempt_fail(attempt, &too_large);
    process_landed(process);
}

void process_answer(const char *line, size_t len, bool cut, void *arg)
{
    struct process *process = arg;
    char *clean;

    if (cut) {
        take_cut_answer(process, line, len);
    } else if (text_is_clean(line, len)) {
        take_answer(process, line, len);
    } else {
        clean = text_clean(NULL, line, len);
        take_answer(process, clean, strlen(clean));
        talloc_free(clean);
    }
}
