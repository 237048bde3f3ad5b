#include "replay.h"

#include "event.h"
#include "hub.h"
#include "queries.h"
#include "sse.h"
#include "tail.h"

#include <string.h>
#include <talloc.h>

#define REPLAY_MOST 500 /* events read at once */

/* What follows upon an answer. */
enum step {
    STEP_MORE,  /* read on when the client has taken what was sent */
    STEP_AGAIN, /* read on */
    STEP_JOIN,  /* all there was has been sent: go on with the tail */
    STEP_END,   /* the job or batch has ended, and the client knows */
    STEP_EMPTY, /* the client knew before */
};

/* An answer, on its way to the subscriber. */
struct part {
    struct subscriber *sub;
    const struct db_result *rows; /* one at least */
    struct snapshot *now;         /* what the statement could see */
    struct evbuffer *text;
    struct event last; /* the last one that was added; seq 0: none was */
    bool whole;        /* nothing is left to be read */
    bool over;         /* the last one is the end of the batch */
};

static int part_done(struct part *part)
{
    evbuffer_free(part->text);
    return 0;
}

static struct part *part_new(struct subscriber *sub,
                             const struct db_result *rows)
{
    struct part *part = talloc_zero(sub, struct part);

    part->sub = sub;
    part->rows = rows;
    part->text = evbuffer_new();
    talloc_set_destructor(part, part_done);
    return part;
}

/* The position that the event brings the subscriber to. */
static char *id_of(void *mem, const struct part *part)
{
    const struct position *at = &part->sub->at;

    if (part->sub->topic == TOPIC_JOB)
        return talloc_asprintf(mem, "%lld", (long long)part->last.seq);
    return position_text(mem, at->before, at->within ? at->within : part->now,
                         part->last.seq);
}

static bool add_event(struct part *part, int row, struct error *err)
{
    void *mem;

    if (!event_read(part->rows, row, &part->last, err))
        return false;
    mem = talloc_new(part);
    evbuffer_add_printf(part->text, "id: %s\n%s", id_of(mem, part),
                        sse_body(mem, &part->last));
    talloc_free(mem);
    part->over = part->sub->topic == TOPIC_BATCH && part->last.what->final &&
                 part->last.what->of_batch;
    return true;
}

/* As many as may be sent at once: the client's buffer, and one at least. */
static bool add_events(struct part *part, struct error *err)
{
    size_t most = (size_t)part->sub->stream->conf->sse_buffer;
    int count = db_text(part->rows, 0, "seq") ? db_count(part->rows) : 0, i;

    for (i = 0;
         i < count && !part->over && evbuffer_get_length(part->text) < most;
         i++)
        if (!add_event(part, i, err))
            return false;
    part->whole = i == count && count < REPLAY_MOST;
    return true;
}

static void send_part(struct part *part)
{
    subscriber_begin(part->sub);
    subscriber_replay(part->sub, part->text);
}

static bool take_present(struct part *part, enum step *ret, struct error *err)
{
    struct subscriber *sub = part->sub;

    if (!add_event(part, 0, err))
        return false;
    send_part(part);
    sub->placed = true;
    sub->seq = part->last.seq;
    *ret = part->last.what->final ? STEP_END : STEP_JOIN;
    return true;
}

struct job_state {
    bool ended;
    int64_t last;
};

static const struct db_column job_state_columns[] = {
    DB_COLUMN(struct job_state, ended),
    DB_COLUMN(struct job_state, last),
    {0},
};

static bool take_job(struct part *part, enum step *ret, struct error *err)
{
    struct subscriber *sub = part->sub;
    struct job_state job;

    if (!db_row(part->rows, 0, job_state_columns, &job, err) ||
        !add_events(part, err))
        return false;
    if (part->last.seq == 0 && job.ended) {
        *ret = sub->begun ? STEP_END : STEP_EMPTY;
        return true;
    }
    send_part(part);
    if (part->last.seq > 0)
        sub->seq = part->last.seq;
    else if (sub->seq > job.last)
        sub->seq = job.last;
    *ret = !part->whole ? STEP_MORE : job.ended ? STEP_END : STEP_JOIN;
    return true;
}

/* How the batch is; its id is a position among the events to come. */
static bool take_batch_present(struct part *part, enum step *ret,
                               struct error *err)
{
    struct subscriber *sub = part->sub;

    if (!event_read(part->rows, 0, &part->last, err))
        return false;
    evbuffer_add_printf(part->text, "id: %s\n%s",
                        position_text(part, part->now, part->now, 0),
                        sse_body(part, &part->last));
    send_part(part);
    sub->placed = true;
    sub->at.before = talloc_steal(sub, part->now);
    *ret = part->last.what->final ? STEP_END : STEP_JOIN;
    return true;
}

/*
 * Whether the batch's stream is at its end: with this part, or with what the
 * client has had before. What comes behind the end (a job that is retried) is
 * not of this stream.
 */
static bool at_end(struct part *part, bool is_rest, enum step *ret)
{
    bool has_ended = *db_text(part->rows, 0, "ended") == 't';

    if (part->over) {
        send_part(part);
        *ret = STEP_END;
        return true;
    }
    if (is_rest || !part->whole || !has_ended)
        return false;
    *ret = part->sub->begun ? STEP_END : STEP_EMPTY;
    return true;
}

/* The client begins now; tell it so, that it can come back to here. */
static bool take_now(struct part *part, enum step *ret, struct error *err)
{
    struct subscriber *sub = part->sub;
    char *id = position_text(part, part->now, part->now, 0);

    (void)err;
    evbuffer_add_printf(part->text, ": \nid: %s\n\n", id);
    send_part(part);
    sub->placed = true;
    sub->at.before = talloc_steal(sub, part->now);
    *ret = STEP_JOIN;
    return true;
}

/* What is left of the look that the client's position is amid does not say
 * what came after it; the next statement does. */
static bool take_many(struct part *part, enum step *ret, struct error *err)
{
    struct position *at = &part->sub->at;
    bool is_rest = at->within != NULL;

    if (!add_events(part, err))
        return false;
    if (part->sub->topic == TOPIC_BATCH && at_end(part, is_rest, ret))
        return true;
    /* It may turn out yet that there is nothing more. */
    if (part->last.seq > 0 || !is_rest)
        send_part(part);
    if (!is_rest)
        at->within = talloc_steal(part->sub, part->now);
    if (!part->whole) {
        at->after = part->last.seq;
        *ret = STEP_MORE;
        return true;
    }
    position_settle(at);
    *ret = is_rest ? STEP_AGAIN : STEP_JOIN;
    return true;
}

static bool not_found(const struct subscriber *sub, struct error *err)
{
    if (sub->topic == TOPIC_BATCH)
        return error_set(err, ERROR_NOT_FOUND, "batch_not_found",
                         "there is no such batch");
    return error_set(err, ERROR_NOT_FOUND, "job_not_found",
                     "there is no such job");
}

static bool take(struct part *part, enum step *ret, struct error *err)
{
    const struct subscriber *sub = part->sub;
    const char *now;

    if (db_count(part->rows) == 0)
        return not_found(sub, err);
    now = db_text(part->rows, 0, "now");
    if (!snapshot_parse(part, now, now + strlen(now), &part->now, err))
        return false;
    if (sub->topic == TOPIC_JOB)
        return sub->placed ? take_job(part, ret, err)
                           : take_present(part, ret, err);
    if (sub->topic == TOPIC_BATCH && !sub->placed)
        return take_batch_present(part, ret, err);
    return sub->placed ? take_many(part, ret, err) : take_now(part, ret, err);
}

/* What comes after a position among the events of many jobs. */
static void ask_many(struct subscriber *sub, void *mem, dba_fn *then)
{
    const struct position *at = &sub->at;
    struct dba *dba = sub->stream->replays;
    const char *before = at->before->text;
    const char *within = at->within ? at->within->text : NULL;
    const char *after = db_int(mem, at->after);
    const char *most = db_int(mem, REPLAY_MOST);

    if (sub->topic == TOPIC_BATCH)
        dba_query(dba, SQL_EVENT_BATCH_REPLAY,
                  DB_ARGS(before, within, after, most, sub->key), then, sub);
    else
        dba_query(dba, SQL_EVENT_REPLAY,
                  DB_ARGS(before, within, after,
                          sub->topic == TOPIC_OWNER ? sub->key : NULL, most),
                  then, sub);
}

static void ask(struct subscriber *sub, dba_fn *then)
{
    struct dba *dba = sub->stream->replays;
    void *mem = talloc_new(sub);

    sub->asking = true;
    if (sub->topic == TOPIC_JOB && !sub->placed)
        dba_query(dba, SQL_EVENT_JOB_PRESENT, DB_ARGS(sub->key), then, sub);
    else if (sub->topic == TOPIC_JOB)
        dba_query(
            dba, SQL_EVENT_JOB_REPLAY,
            DB_ARGS(sub->key, db_int(mem, sub->seq), db_int(mem, REPLAY_MOST)),
            then, sub);
    else if (sub->topic == TOPIC_BATCH && !sub->placed)
        dba_query(dba, SQL_EVENT_BATCH_PRESENT, DB_ARGS(sub->key), then, sub);
    else if (!sub->placed)
        dba_query(dba, SQL_EVENT_NOW, DB_NO_ARGS, then, sub);
    else
        ask_many(sub, mem, then);
    talloc_free(mem);
}

static void follow(struct subscriber *sub, enum step step, dba_fn *then)
{
    switch (step) {
    case STEP_MORE:
        sub->draining = subscriber_unsent(sub) > 0;
        if (!sub->draining)
            ask(sub, then);
        break;
    case STEP_AGAIN:
        ask(sub, then);
        break;
    case STEP_JOIN:
        hub_join(sub->stream->hub, sub);
        break;
    case STEP_END:
        subscriber_end(sub);
        break;
    case STEP_EMPTY:
        subscriber_end_empty(sub);
        break;
    }
}

/* Go by an answer. The tail may have handed out more meanwhile. */
static bool take_rows(struct subscriber *sub, const struct db_result *rows,
                      enum step *ret, struct error *err)
{
    struct part *part = part_new(sub, rows);
    bool ok = take(part, ret, err);

    if (ok && *ret == STEP_JOIN && !tail_joins(sub->stream->tail, part->now))
        *ret = STEP_AGAIN;
    talloc_free(part);
    return ok;
}

/* A stream that has begun outlasts a restart of the database: the statement is
 * sent again when it is back. */
static void on_answer(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct subscriber *sub = arg;
    struct error bad;
    enum step step;

    if (!subscriber_answered(sub))
        return;
    if (!rows && sub->begun && err->kind == ERROR_UNAVAILABLE)
        ask(sub, on_answer);
    else if (!rows)
        subscriber_refuse(sub, err);
    else if (take_rows(sub, rows, &step, &bad))
        follow(sub, step, on_answer);
    else
        subscriber_refuse(sub, &bad);
}

void replay_start(struct subscriber *sub)
{
    static const struct error away = {.kind = ERROR_UNAVAILABLE,
                                      .code = "database_unavailable",
                                      .text = "the database is away"};

    if (dba_connected(sub->stream->replays))
        ask(sub, on_answer);
    else
        subscriber_refuse(sub, &away);
}

void replay_resume(struct subscriber *sub)
{
    hub_leave(sub->stream->hub, sub);
    sub->draining = true;
}

void replay_drained(struct subscriber *sub)
{
    if (!sub->draining)
        return;
    sub->draining = false;
    ask(sub, on_answer);
}
