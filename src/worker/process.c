#include "process_private.h"

#include "child.h"
#include "clock.h"
#include "facts.h"
#include "handler_env.h"
#include "job_log.h"
#include "log.h"
#include "pool.h"
#include "recorder.h"
#include "result.h"
#include "sink.h"
#include "source.h"
#include "text.h"
#include "verdict.h"
#include "workdir.h"
#include "worker.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

/* An answer has little beside its result. */
#define MAX_ANSWER (RESULT_MAX + 65536)

static const struct job_type *type_of(const struct process *process)
{
    return process->pool->lane->type;
}

/* ------------------------------------------------------------ leaving */

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    struct process *process = arg;

    (void)fd, (void)what;
    child_stop(process->child, GUARD_TERM);
}

/* It has answered for all: the end of its input says that it may go. */
static void let_go(struct process *process)
{
    struct timeval grace = timeval_of_ms(process->worker->conf->kill_grace);

    process->leaving = true;
    sink_close(process->in);
    event_add(process->overdue, &grace);
}

void process_close(struct process *process)
{
    if (process->closed)
        return;
    process->closed = true;
    process->pool->open--;
    if (process->load == 0)
        let_go(process);
}

void process_stop(struct process *process, enum guard_command command)
{
    process->condemned = true;
    process_close(process);
    child_stop(process->child, command);
}

void process_landed(struct process *process)
{
    if (process->closed && process->load == 0)
        let_go(process);
    worker_turn_soon(process->worker);
}

/* ------------------------------------------------------------ output */

/* Who closes his stdout has no more to say, so that he may as well end. */
static void on_out(const char *data, size_t len, void *arg)
{
    struct process *process = arg;

    if (len > 0) {
        lines_feed(&process->answers, data, len);
        return;
    }
    lines_end(&process->answers);
    process_close(process);
    child_stop(process->child, GUARD_TERM);
}

/* Whose line it is cannot be told: all that it has may be at work. */
static void hear(struct process *process)
{
    struct attempt *attempt;

    TAILQ_FOREACH(attempt, &process->flight, place)
        attempt_heard(attempt);
}

static void on_log_line(const char *line, size_t len, bool cut, void *arg)
{
    struct process *process = arg;
    struct attempt *attempt = TAILQ_FIRST(&process->flight);
    char *clean;

    (void)cut;
    hear(process);
    if (attempt && type_of(process)->pipeline == 1) {
        recorder_log(process->worker->recorder, attempt, line, len);
        facts_line(attempt, line, len);
        return;
    }
    clean = text_clean(NULL, line, len);
    log_facts(LOG_LEVEL_INFO, clean, "type", type_of(process)->type, NULL);
    talloc_free(clean);
}

static void on_err(const char *data, size_t len, void *arg)
{
    struct process *process = arg;

    if (len > 0)
        lines_feed(&process->log, data, len);
    else
        lines_end(&process->log);
}

/* ------------------------------------------------------------ its end */

/* What it had: given back where we have ended it for another job's sake. */
static void drop_flight(struct process *process,
                        const struct guard_report *report)
{
    struct failure failure = {0};
    struct attempt *attempt;

    verdict_of_death(process, report, &failure);
    if (type_of(process)->sandbox.on)
        verdict_of_sandbox(report, &failure);
    while ((attempt = TAILQ_FIRST(&process->flight))) {
        TAILQ_REMOVE(&process->flight, attempt, place);
        process->load--;
        facts_of_death(attempt, report);
        if (process->condemned)
            attempt_give_back(attempt);
        else
            attempt_fail(attempt, &failure);
    }
}

static void on_ended(const struct guard_report *report, void *arg)
{
    struct process *process = arg;
    struct pool *pool = process->pool;
    bool soon;

    source_drain(process->out);
    source_drain(process->err);
    lines_end(&process->log);
    soon = !process->proven && !process->condemned && !process->leaving;
    drop_flight(process, report);
    process_close(process);
    TAILQ_REMOVE(&pool->processes, process, next);
    workdir_drop(process->worker, process->workdir);
    talloc_free(process);
    pool_died(pool, soon);
}

/* ------------------------------------------------------------ jobs */

struct process *process_next(struct process *process)
{
    return TAILQ_NEXT(process, next);
}

static bool is_worn(const struct process *process)
{
    const struct job_type *type = type_of(process);

    return (type->max_jobs && process->sent >= type->max_jobs) ||
           (type->max_age_ms &&
            clock_mono_ms() - process->started_ms >= type->max_age_ms);
}

/* Until it has answered once it has only one job, so that one that cannot work
 * does no more harm. */
int process_load(struct process *process)
{
    int64_t most = process->proven ? type_of(process)->pipeline : 1;

    if (!process->closed && is_worn(process))
        process_close(process);
    return process->closed || process->load >= most ? -1 : process->load;
}

/* The text may have line feeds between its members. */
static void add_json(struct buf *line, const char *name, const char *text)
{
    size_t from;
    char *feed;

    buf_add_text(line, name);
    from = line->len;
    buf_add_text(line, text);
    while ((feed = memchr(line->data + from, '\n', line->len - from)))
        *feed = ' ';
}

static void add_dirs(struct buf *line, const char *workdir)
{
    struct json_out *out = json_out_new(NULL);
    char *input = talloc_asprintf(out, "%s/input", workdir);
    char *output = talloc_asprintf(out, "%s/output", workdir);

    json_begin_object(out, NULL);
    json_add_string(out, "inputDir", input);
    json_add_string(out, "outputDir", output);
    json_end(out);
    buf_add_char(line, ',');
    /* Without the braces: these are members of the line's object. */
    buf_add_text(line, json_out_text(out, NULL) + 1);
    line->len--;
    talloc_free(out);
}

void process_send(struct process *process, struct attempt *attempt)
{
    struct buf *line = sink_room(process->in);
    char head[256];

    /* A type's name needs no escapes. */
    snprintf(head, sizeof(head),
             "{\"id\":\"%s\",\"attempt\":%d,\"type\":\"%s\"", attempt->id,
             attempt->number, type_of(process)->type);
    buf_add_text(line, head);
    if (attempt->workdir)
        add_dirs(line, attempt->workdir);
    if (attempt->dependencies)
        add_json(line, ",\"dependencies\":", attempt->dependencies);
    add_json(line, ",\"payload\":", attempt->payload);
    buf_add_text(line, "}\n");
    TALLOC_FREE(attempt->payload);
    TALLOC_FREE(attempt->dependencies);

    attempt->run = process;
    TAILQ_INSERT_TAIL(&process->flight, attempt, place);
    process->load++;
    process->sent++;
    process->unflushed = true;
    attempt_started(attempt);
}

void process_flush(struct process *process)
{
    if (process->unflushed)
        sink_flush(process->in);
    process->unflushed = false;
}

/* ------------------------------------------------------------ its start */

static int process_done(struct process *process)
{
    event_free(process->overdue);
    return 0;
}

static struct process *process_new(struct pool *pool)
{
    struct process *process = talloc_zero(pool, struct process);

    process->pool = pool;
    process->worker = pool->lane->worker;
    process->started_ms = clock_mono_ms();
    process->overdue =
        event_new(process->worker->base, -1, 0, on_overdue, process);
    TAILQ_INIT(&process->flight);
    lines_init(&process->answers, process, MAX_ANSWER, process_answer, process);
    lines_init(&process->log, process, JOB_LOG_MAX_LINE, on_log_line, process);
    talloc_set_destructor(process, process_done);
    return process;
}

static bool make_workdir(struct process *process, struct error *err)
{
    char *name =
        talloc_asprintf(process, "process-%u", process->worker->discarded++);

    return workdir_make(process, process->worker, name, &process->workdir, err);
}

static bool spawn(struct process *process, struct error *err)
{
    struct event_base *base = process->worker->base;
    void *scratch = talloc_new(NULL);
    struct child_spec spec =
        handler_spec(scratch, process->pool->lane, process->workdir, NULL);
    struct child_pipes pipes;
    bool ok = child_start(process, base, &spec, on_ended, process,
                          &process->child, &pipes, err);

    talloc_free(scratch);
    if (!ok)
        return false;
    process->in = sink_open(process, base, pipes.in);
    process->out = source_open(process, base, pipes.out, on_out, process);
    process->err = source_open(process, base, pipes.err, on_err, process);
    /* What it said before it answered is the job's, if it has but one. */
    if (type_of(process)->pipeline == 1)
        source_after(process->out, process->err);
    return true;
}

bool process_start(struct pool *pool, struct process **ret, struct error *err)
{
    struct process *process = process_new(pool);

    if (!make_workdir(process, err)) {
        talloc_free(process);
        return false;
    }
    if (!spawn(process, err)) {
        workdir_drop(process->worker, process->workdir);
        talloc_free(process);
        return false;
    }
    TAILQ_INSERT_TAIL(&pool->processes, process, next);
    pool->open++;
    *ret = process;
    return true;
}
