#include "batch.h"

#include "log.h"
#include "queries.h"

#include <talloc.h>

static void read_event(struct batch *batch, const struct db_result *rows,
                       int row, const struct hub *hub)
{
    struct event *event = &batch->events[batch->count];
    struct error err;

    if (!event_read(rows, row, event, &err)) {
        log_err("left an event out: %s", err.text);
        return;
    }
    batch->last_seq = event->seq;
    if (!hub_wants(hub, event))
        return;
    batch->count++;
    if (event->what->final)
        batch->finals[batch->final_count++] = event;
}

struct batch *batch_read(void *mem, struct db_result *rows,
                         const struct hub *hub)
{
    struct batch *batch = talloc_zero(mem, struct batch);
    unsigned most = (unsigned)db_count(rows);

    talloc_steal(batch, rows);
    batch->events = talloc_array(batch, struct event, most);
    batch->finals = talloc_array(batch, struct event *, most);
    if (!db_text(rows, 0, "seq"))
        return batch;
    batch->rows = db_count(rows);
    for (int i = 0; i < batch->rows; i++)
        read_event(batch, rows, i, hub);
    return batch;
}

void batch_ask(struct batch *batch, struct dba *dba, dba_fn *done, void *arg)
{
    struct db_array *ids = db_array_new(batch);
    struct db_array *attempts = db_array_new(batch);
    struct db_array *kinds = db_array_new(batch);

    for (int i = 0; i < batch->final_count; i++) {
        db_array_add(ids, batch->finals[i]->job_id);
        db_array_add_int(attempts, batch->finals[i]->attempt);
        db_array_add(kinds, batch->finals[i]->kind);
    }
    dba_query(dba, SQL_EVENT_OUTCOMES,
              DB_ARGS(db_array_text(ids), db_array_text(attempts),
                      db_array_text(kinds)),
              done, arg);
}

void batch_take_outcomes(struct batch *batch, struct db_result *rows)
{
    talloc_steal(batch, rows);
    for (int i = 0; i < batch->final_count && i < db_count(rows); i++) {
        batch->finals[i]->result = db_text(rows, i, "result");
        batch->finals[i]->error = db_text(rows, i, "error");
    }
}
