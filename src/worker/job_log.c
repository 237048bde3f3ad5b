#include "job_log.h"

#include "clock.h"
#include "queries.h"
#include "text.h"
#include "worker.h"

#include <string.h>
#include <talloc.h>

#define MAX_SENT       1000
#define MAX_SENT_BYTES (1024 * 1024)

struct line {
    STAILQ_ENTRY(line) next;
    struct attempt *attempt;
    int64_t at_ms;
    size_t len;
    const char *text;
};

struct job_log {
    struct worker *worker;
    STAILQ_HEAD(, line) lines;
    int count;
    int round; /* of them, so many belong to this round */
    int sent;  /* and so many are under way */
};

struct job_log *job_log_new(void *mem, struct worker *worker)
{
    struct job_log *log = talloc_zero(mem, struct job_log);

    log->worker = worker;
    STAILQ_INIT(&log->lines);
    return log;
}

static void put(struct job_log *log, struct attempt *attempt, const char *text,
                size_t len)
{
    struct line *line = talloc_zero(log, struct line);
    char *clean = text_clean(line, text, len);

    line->attempt = attempt;
    line->at_ms = clock_now_ms();
    line->len = text_cut(clean, strlen(clean), JOB_LOG_MAX_LINE);
    clean[line->len] = '\0';
    line->text = clean;
    attempt->log_lines++;
    attempt->log_bytes += line->len;
    STAILQ_INSERT_TAIL(&log->lines, line, next);
    log->count++;
}

static bool is_full(const struct attempt *attempt)
{
    return attempt->log_lines >= JOB_LOG_MAX_LINES ||
           attempt->log_bytes >= JOB_LOG_MAX_BYTES;
}

void job_log_add(struct job_log *log, struct attempt *attempt, const char *line,
                 size_t len)
{
    static const char cut[] = "log truncated";

    if (attempt->stop == STOP_LOST || is_full(attempt))
        return;
    put(log, attempt, line, len < JOB_LOG_MAX_LINE ? len : JOB_LOG_MAX_LINE);
    if (is_full(attempt))
        put(log, attempt, cut, sizeof(cut) - 1);
    worker_turn_soon(log->worker);
}

bool job_log_empty(const struct job_log *log)
{
    return log->count == 0;
}

void job_log_begin_round(struct job_log *log)
{
    log->round = log->count;
}

bool job_log_send(struct job_log *log, dba_fn *done, void *arg)
{
    struct line *line = STAILQ_FIRST(&log->lines);
    struct run_line lines[MAX_SENT];
    size_t bytes = 0;
    void *mem;

    if (log->round == 0)
        return false;
    for (log->sent = 0; log->sent < log->round && log->sent < MAX_SENT &&
                        bytes < MAX_SENT_BYTES;
         line = STAILQ_NEXT(line, next)) {
        lines[log->sent++] = (struct run_line){
            line->attempt->id, line->attempt->number, line->at_ms, line->text};
        bytes += line->len;
    }
    mem = talloc_new(NULL);
    dba_query(log->worker->telling, SQL_RUN_ADD_LOG,
              run_log_args(mem, log->worker->id, lines, log->sent), done, arg);
    talloc_free(mem);
    return true;
}

void job_log_told(struct job_log *log)
{
    for (; log->sent > 0; log->sent--) {
        struct line *line = STAILQ_FIRST(&log->lines);

        STAILQ_REMOVE_HEAD(&log->lines, next);
        talloc_free(line);
        log->count--;
        log->round--;
    }
}

void job_log_drop_lost(struct job_log *log)
{
    struct line *line, *next;

    STAILQ_FOREACH_SAFE(line, &log->lines, next, next) {
        if (line->attempt->stop != STOP_LOST)
            continue;
        STAILQ_REMOVE(&log->lines, line, line, next);
        talloc_free(line);
        log->count--;
    }
}
