#include "run.h"

#include <talloc.h>

/* Room for the parameters of a statement, on `mem`. */
static const char **values_new(void *mem, int count)
{
    return talloc_zero_array(mem, const char *, (unsigned)count);
}

static struct db_args args_of(const char **values)
{
    return (struct db_args){(int)talloc_array_length(values), values};
}

static void put_reserves(const char **values,
                         const struct run_reserves *reserves)
{
    struct db_array *queues = db_array_new(values);
    struct db_array *counts = db_array_new(values);

    if (reserves->count == 0)
        return;
    for (int i = 0; i < reserves->count; i++) {
        db_array_add(queues, reserves->queues[i]);
        db_array_add_int(counts, reserves->counts[i]);
    }
    values[8] = db_array_text(queues);
    values[9] = db_array_text(counts);
}

/* $1 to $10 of a claim. */
static void put_ask(const char **values, const struct run_ask *ask)
{
    const struct run_rooms *sides[] = {&ask->programs, &ask->processes};
    const int places[] = {1, 5};

    values[0] = ask->worker;
    values[3] = ask->queues;
    for (int i = 0; i < 2; i++) {
        struct db_array *types = db_array_new(values);
        struct db_array *rooms = db_array_new(values);
        int at = places[i];

        for (int k = 0; k < sides[i]->count; k++) {
            db_array_add(types, sides[i]->types[k]);
            db_array_add_int(rooms, sides[i]->rooms[k]);
        }
        values[at] = db_array_text(types);
        values[at + 1] = db_array_text(rooms);
        values[i == 0 ? 4 : 7] = db_int(values, sides[i]->total);
    }
    put_reserves(values, &ask->reserves);
}

struct db_args run_claim_args(void *mem, const struct run_ask *ask)
{
    const char **values = values_new(mem, 10);

    put_ask(values, ask);
    return args_of(values);
}

struct db_args run_beat_args(void *mem, const struct run_ask *ask,
                             int silence_ms, int64_t idempotency_ttl_ms)
{
    const char **values = values_new(mem, 12);

    put_ask(values, ask);
    values[10] = db_int(values, silence_ms);
    values[11] = db_int(values, idempotency_ttl_ms);
    return args_of(values);
}

bool run_beat_row(const struct db_result *rows, struct run_beat *ret,
                  struct error *err)
{
    static const struct db_column columns[] = {
        DB_COLUMN(struct run_beat, alive),
        DB_COLUMN(struct run_beat, stop),
        DB_COLUMN(struct run_beat, rescued),
        DB_COLUMN(struct run_beat, promoted),
        DB_COLUMN(struct run_beat, due_ms),
        {0},
    };

    return db_row(rows, 0, columns, ret, err);
}

bool run_row(const struct db_result *rows, int row, struct run *ret,
             struct error *err)
{
    static const struct db_column columns[] = {
        DB_COLUMN(struct run, id),
        DB_COLUMN(struct run, type),
        DB_COLUMN(struct run, queue),
        DB_COLUMN(struct run, retry),
        DB_COLUMN(struct run, payload),
        DB_COLUMN(struct run, files),
        DB_COLUMN(struct run, attempt),
        DB_COLUMN(struct run, max_attempts),
        DB_COLUMN(struct run, timeout_ms),
        DB_COLUMN(struct run, heartbeat_ms),
        DB_COLUMN(struct run, has_dependencies),
        {0},
    };

    return db_row(rows, row, columns, ret, err);
}

bool run_name_row(const struct db_result *rows, int row, struct run_name *ret,
                  struct error *err)
{
    static const struct db_column columns[] = {
        DB_COLUMN(struct run_name, id),
        DB_COLUMN(struct run_name, attempt),
        {0},
    };

    return db_row(rows, row, columns, ret, err);
}

/* As many arrays as a statement has, each a column of the rows to come. */
#define MAX_ARRAYS 8

struct arrays {
    struct db_array *column[MAX_ARRAYS];
    int count;
};

static struct arrays arrays_new(void *mem, int count)
{
    struct arrays arrays = {.count = count};

    for (int i = 0; i < count; i++)
        arrays.column[i] = db_array_new(mem);
    return arrays;
}

/* The worker as $1, the arrays from $2 on. */
static struct db_args arrays_args(void *mem, const char *worker,
                                  const struct arrays *arrays)
{
    const char **values = values_new(mem, 1 + arrays->count);

    values[0] = worker;
    for (int i = 0; i < arrays->count; i++)
        values[1 + i] = db_array_text(arrays->column[i]);
    return args_of(values);
}

struct db_args run_finish_args(void *mem, const char *worker,
                               const struct run_end *const *ends, int count)
{
    struct arrays to = arrays_new(mem, 8);

    for (int i = 0; i < count; i++) {
        db_array_add(to.column[0], ends[i]->id);
        db_array_add_int(to.column[1], ends[i]->attempt);
        db_array_add(to.column[2], ends[i]->state);
        db_array_add(to.column[3], ends[i]->result);
        db_array_add(to.column[4], ends[i]->error);
        db_array_add_int(to.column[5], ends[i]->delay_ms);
        db_array_add(to.column[6], ends[i]->artifacts);
        db_array_add(to.column[7], ends[i]->facts);
    }
    return arrays_args(mem, worker, &to);
}

struct db_args run_report_args(void *mem, const char *worker,
                               const struct run_progress *reports, int count)
{
    struct arrays to = arrays_new(mem, 4);

    for (int i = 0; i < count; i++) {
        db_array_add(to.column[0], reports[i].id);
        db_array_add_int(to.column[1], reports[i].attempt);
        if (reports[i].percent < 0)
            db_array_add(to.column[2], NULL);
        else
            db_array_add_int(to.column[2], reports[i].percent);
        db_array_add(to.column[3], reports[i].message);
    }
    return arrays_args(mem, worker, &to);
}

struct db_args run_log_args(void *mem, const char *worker,
                            const struct run_line *lines, int count)
{
    struct arrays to = arrays_new(mem, 4);

    for (int i = 0; i < count; i++) {
        db_array_add(to.column[0], lines[i].id);
        db_array_add_int(to.column[1], lines[i].attempt);
        db_array_add_int(to.column[2], lines[i].at_ms);
        db_array_add(to.column[3], lines[i].text);
    }
    return arrays_args(mem, worker, &to);
}

struct db_args run_worker_args(void *mem, const struct run_worker *worker)
{
    const char **values = values_new(mem, 9);

    values[0] = worker->id;
    values[1] = worker->name;
    values[2] = worker->host;
    values[3] = db_int(values, worker->pid);
    values[4] = worker->version;
    values[5] = db_int(values, worker->slots);
    values[6] = worker->queues;
    values[7] = worker->types;
    values[8] = worker->reserves;
    return args_of(values);
}
