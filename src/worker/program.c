/*
 * The kind "program": a process of its own for each job. The payload goes in on
 * stdin, the result comes out on stdout, stderr is the job's log, and
 * descriptor 3 takes events.
 */
#include "buf.h"
#include "child.h"
#include "facts.h"
#include "handler_env.h"
#include "job_log.h"
#include "lines.h"
#include "recorder.h"
#include "result.h"
#include "sink.h"
#include "source.h"
#include "text.h"
#include "verdict.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

#define MAX_EVENT 65536 /* bytes of a line on descriptor 3 */

struct program {
    struct attempt *attempt;
    struct child *child;
    struct sink *in;
    struct source *out, *err, *events;
    struct buf result;
    bool too_large;
    struct lines log, event_lines;
    struct said said;
    void *said_mem; /* holds what `said` points to */
};

/* ------------------------------------------------------------ what it says */

static void on_result(const char *data, size_t len, void *arg)
{
    struct program *program = arg;

    if (program->too_large)
        return;
    if (program->result.len + len > RESULT_MAX) {
        program->too_large = true;
        child_stop(program->child, GUARD_TERM);
        return;
    }
    buf_add(&program->result, data, len);
}

static void on_log_line(const char *line, size_t len, bool cut, void *arg)
{
    struct program *program = arg;

    (void)cut;
    attempt_heard(program->attempt);
    recorder_log(program->attempt->worker->recorder, program->attempt, line,
                 len);
    facts_line(program->attempt, line, len);
}

static void on_log(const char *data, size_t len, void *arg)
{
    struct program *program = arg;

    if (len > 0)
        lines_feed(&program->log, data, len);
    else
        lines_end(&program->log);
}

/* `mem` holds the event; it is kept where the event was an error. */
static bool take_event(struct program *program, void *mem, json_t *event)
{
    json_t *error = json_object_get(event, "error");
    json_t *retry_after = json_object_get(event, "retryAfter");
    struct said said = {0};

    if (!json_is_object(event) || !said_progress(program->attempt, event) ||
        (error && !said_error(mem, error, &said)))
        return false;
    if (error) {
        said.retry_after_ms = program->said.retry_after_ms;
        program->said = said;
        talloc_free(program->said_mem);
        program->said_mem = mem;
    }
    if (retry_after)
        program->said.retry_after_ms = said_retry_after(retry_after);
    return true;
}

static void on_event(const char *line, size_t len, bool cut, void *arg)
{
    struct program *program = arg;
    void *mem = talloc_new(program);
    struct error err;
    json_t *event;

    attempt_heard(program->attempt);
    if ((cut || !text_is_blank(line, len)) &&
        (cut || !json_parse(mem, line, len, &event, &err) ||
         !take_event(program, mem, event)))
        recorder_log(program->attempt->worker->recorder, program->attempt, line,
                     len);
    if (program->said_mem != mem)
        talloc_free(mem);
}

static void on_events(const char *data, size_t len, void *arg)
{
    struct program *program = arg;

    if (len > 0)
        lines_feed(&program->event_lines, data, len);
    else
        lines_end(&program->event_lines);
}

/* ------------------------------------------------------------ its end */

static void succeed(struct program *program)
{
    struct attempt *attempt = program->attempt;
    char *result =
        result_of_output(program, program->result.data, program->result.len);

    attempt_complete(attempt, result, result ? strlen(result) : 0);
    talloc_free(program);
}

static void fail(struct program *program, const struct failure *failure)
{
    struct attempt *attempt = program->attempt;

    attempt_fail(attempt, failure);
    talloc_free(program);
}

static void on_ended(const struct guard_report *report, void *arg)
{
    static const struct failure too_large = RESULT_TOO_LARGE;
    struct program *program = arg;
    struct failure failure;

    source_drain(program->out);
    source_drain(program->err);
    source_drain(program->events);
    lines_end(&program->log);
    lines_end(&program->event_lines);
    facts_of_program(program->attempt, report);

    if (program->too_large)
        fail(program, &too_large);
    else if (!verdict(program, report, &program->said,
                      facts_last_line(program->attempt), &failure))
        fail(program, &failure);
    else
        succeed(program);
}

/* ------------------------------------------------------------ its start */

static void connect_pipes(struct program *program,
                          const struct child_pipes *pipes)
{
    struct attempt *attempt = program->attempt;
    struct event_base *base = attempt->worker->base;

    program->in = sink_open(program, base, pipes->in);
    program->out = source_open(program, base, pipes->out, on_result, program);
    program->err = source_open(program, base, pipes->err, on_log, program);
    program->events =
        source_open(program, base, pipes->events, on_events, program);
    buf_init(&program->result, program, 256);
    lines_init(&program->log, program, JOB_LOG_MAX_LINE, on_log_line, program);
    lines_init(&program->event_lines, program, MAX_EVENT, on_event, program);

    buf_add_text(sink_room(program->in), attempt->payload);
    TALLOC_FREE(attempt->payload);
    sink_close(program->in);
}

static void start(struct attempt *attempt)
{
    struct program *program = talloc_zero(NULL, struct program);
    struct child_spec spec =
        handler_spec(program, attempt->lane, attempt->workdir, attempt);
    struct failure failure = {.code = "spawn_failed"};
    struct child_pipes pipes;
    struct error err;

    program->attempt = attempt;
    attempt->run = program;
    if (!child_start(program, attempt->worker->base, &spec, on_ended, program,
                     &program->child, &pipes, &err)) {
        failure.message = err.text;
        fail(program, &failure);
        return;
    }
    connect_pipes(program, &pipes);
    attempt_started(attempt);
}

static void program_dispatch(struct lane *lane)
{
    struct attempt *attempt;

    while ((attempt = TAILQ_FIRST(&lane->queue))) {
        TAILQ_REMOVE(&lane->queue, attempt, place);
        start(attempt);
    }
}

static void program_stop(struct attempt *attempt, enum guard_command command)
{
    struct program *program = attempt->run;

    child_stop(program->child, command);
}

const struct handler program_handler = {program_dispatch, program_stop};
