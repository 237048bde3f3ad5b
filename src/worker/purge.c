#include "purge.h"

#include "clock.h"
#include "log.h"
#include "queries.h"
#include "remove.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#define MOST      100   /* at once, so that no transaction is long */
#define IDLE_MS   10000 /* until it asks again where there was nothing */
#define FAILED_MS 60000 /* or it could not be removed */

struct item {
    const char *id, *path;
    bool is_file; /* an upload, else the folder of a job's artifacts */
    int error;    /* errno where it could not be removed */
};

/* What is removed; the chore's while it runs, else the loop's. */
struct batch {
    struct purge *purge;
    struct item *items;
    int count;
};

struct purge {
    struct worker *worker;
    struct dba *dba;
    bool busy;
    int64_t next_ms;     /* not before that */
    int64_t complain_ms; /* nor another word of what cannot be removed */
};

static void ask(struct purge *purge);

static void pause_for(struct purge *purge, int64_t ms)
{
    purge->busy = false;
    purge->next_ms = clock_mono_ms() + ms;
}

/* ------------------------------------------------------------ removing */

static void remove_all(void *arg)
{
    struct batch *batch = arg;

    for (int i = 0; i < batch->count; i++)
        if (!remove_tree(batch->items[i].path))
            batch->items[i].error = errno;
}

/* The ids of what is removed, as an array on the batch. */
static const char *removed(struct batch *batch, bool files)
{
    struct db_array *ids = db_array_new(batch);

    for (int i = 0; i < batch->count; i++)
        if (batch->items[i].is_file == files && !batch->items[i].error)
            db_array_add(ids, batch->items[i].id);
    return db_array_text(ids);
}

/* One for all: it is tried again and again. */
static void complain(struct purge *purge, const struct item *item)
{
    int64_t now_ms = clock_mono_ms();

    if (now_ms < purge->complain_ms)
        return;
    log_warn("cannot remove %s, which has expired: %s", item->path,
             strerror(item->error));
    purge->complain_ms = now_ms + FAILED_MS;
}

/* Whether anything is removed. */
static bool check(const struct batch *batch)
{
    int gone = 0;

    for (int i = 0; i < batch->count; i++) {
        if (batch->items[i].error)
            complain(batch->purge, &batch->items[i]);
        else
            gone++;
    }
    return gone > 0;
}

static void on_forgotten(struct db_result *rows, const struct error *err,
                         void *arg)
{
    struct purge *purge = arg;

    if (!rows) {
        log_warn("cannot forget what has expired: %s", err->text);
        pause_for(purge, IDLE_MS);
        return;
    }
    log_facts(LOG_LEVEL_INFO, "PURGED", "jobs", db_text(rows, 0, "jobs"),
              "files", db_text(rows, 0, "files"), NULL);
    if (purge->worker->draining)
        purge->busy = false;
    else
        ask(purge);
}

static void on_removed(void *arg)
{
    struct batch *batch = arg;
    struct purge *purge = batch->purge;

    if (check(batch))
        dba_query(purge->dba, SQL_RUN_PURGED,
                  DB_ARGS(removed(batch, false), removed(batch, true)),
                  on_forgotten, purge);
    else
        pause_for(purge, FAILED_MS);
    talloc_free(batch);
}

/* ------------------------------------------------------------ asking */

static void add(struct batch *batch, const struct db_result *rows, int row)
{
    struct item *item = &batch->items[batch->count++];
    char *under;

    item->id = talloc_strdup(batch, db_text(rows, row, "id"));
    item->is_file = !strcmp(db_text(rows, row, "what"), "file");
    under = item->is_file ? store_file(batch, item->id)
                          : store_job(batch, item->id);
    item->path = talloc_asprintf(batch, "%s/%s",
                                 batch->purge->worker->conf->data_dir, under);
}

static void on_marked(struct db_result *rows, const struct error *err,
                      void *arg)
{
    struct purge *purge = arg;
    struct batch *batch;

    if (!rows && err->kind != ERROR_UNAVAILABLE)
        log_err("cannot ask what has expired: %s", err->text);
    if (!rows || db_count(rows) == 0) {
        pause_for(purge, IDLE_MS);
        return;
    }
    batch = talloc_zero(NULL, struct batch);
    batch->purge = purge;
    batch->items =
        talloc_zero_array(batch, struct item, (unsigned)db_count(rows));
    for (int i = 0; i < db_count(rows); i++)
        add(batch, rows, i);
    chore_do(purge->worker->chores, remove_all, on_removed, batch);
}

static void ask(struct purge *purge)
{
    void *mem = talloc_new(NULL);

    purge->busy = true;
    dba_query(purge->dba, SQL_RUN_PURGE,
              DB_ARGS(purge->worker->id, db_int(mem, MOST),
                      db_int(mem, purge->worker->conf->upload_ttl)),
              on_marked, purge);
    talloc_free(mem);
}

void purge_turn(struct purge *purge)
{
    if (!purge->busy && !purge->worker->draining &&
        clock_mono_ms() >= purge->next_ms)
        ask(purge);
}

struct purge *purge_new(void *mem, struct worker *worker)
{
    struct purge *purge = talloc_zero(mem, struct purge);

    purge->worker = worker;
    purge->dba = dba_open(purge, worker->base, worker->conf->database_url);
    return purge;
}
