#include "analysis.h"
#include "header.h"
#include "table.h"

#include <string.h>
#include <talloc.h>

/* The file while it is read. */
struct run {
    struct table *table;
    struct column **columns;
    bool *unnamed;
    char decimal;
    analysis_progress_fn *progress;
};

static void make_columns(struct analysis *result, struct run *run,
                         const struct csv_record *header)
{
    const char **names = header_names(result, header);
    unsigned width = (unsigned)header->count;

    result->width = width;
    run->columns = talloc_array(result, struct column *, width);
    run->unnamed = talloc_array(run, bool, width);
    for (unsigned i = 0; i < width; i++) {
        run->columns[i] = column_new(run->columns, names[i], width);
        run->unnamed[i] = header_is_unnamed(&header->fields[i]);
    }
}

static bool read_header(struct analysis *result, struct run *run,
                        struct fault *err)
{
    struct csv_record header;

    switch (table_next(run->table, &header, err)) {
    case CSV_ROW:
        make_columns(result, run, &header);
        return true;
    case CSV_END:
        return fault_set(err, FAULT_DATA, "empty_file",
                         "the %s is empty: there is not even a header",
                         table_what(run->table));
    default:
        return false;
    }
}

static bool read_rows(struct analysis *result, struct run *run,
                      struct fault *err)
{
    struct csv_record record;
    uint64_t told = 0;
    enum csv_step step;

    while ((step = table_next(run->table, &record, err)) == CSV_ROW) {
        for (size_t i = 0; i < record.count; i++)
            column_add(run->columns[i], &record.fields[i], record.row,
                       run->decimal);
        sample_add(result->sample, &record);
        result->rows = record.row;
        if (table_bytes(run->table) != told) {
            told = table_bytes(run->table);
            run->progress(result->rows, told, table_size(run->table));
        }
    }
    return step == CSV_END;
}

/* Why a column tells nothing, or NULL. With no rows, nothing can be said. */
static const char *useless(void *mem, const struct analysis *result,
                           const struct column_summary *column, bool unnamed)
{
    char shown[CLIP_SHOWN];

    if (unnamed)
        return "the column has no name";
    if (result->rows < 2)
        return NULL;
    if (column->type == COLUMN_EMPTY)
        return "every value is empty";
    if (column->distinct_exact && column->distinct == 1 && column->empty == 0)
        return talloc_asprintf(mem, "every value is the same: %s",
                               clip_show(&column->top[0]->clip, shown));
    return column->counts_rows ? "the values only count the rows" : NULL;
}

static void conclude(struct analysis *result, struct run *run)
{
    unsigned width = (unsigned)result->width;

    table_describe(run->table, result);
    result->columns = talloc_array(result, struct column_summary, width);
    result->dropped = talloc_zero_array(result, const char *, width);
    for (unsigned i = 0; i < width; i++) {
        column_summarize(run->columns[i], &result->columns[i]);
        if (result->recommended)
            result->dropped[i] =
                useless(result, result, &result->columns[i], run->unnamed[i]);
    }
    sample_sort(result->sample);
}

static bool run_all(struct analysis *result, struct run *run,
                    const struct options *options, uint64_t seed,
                    struct fault *err)
{
    if (!read_header(result, run, err))
        return false;
    result->sample =
        sample_new(result, options->sample_rows, result->width, seed);
    if (!read_rows(result, run, err))
        return false;
    conclude(result, run);
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool run_file(struct analysis *result, const char *path,
                     const struct options *options, uint64_t seed,
                     analysis_progress_fn *progress, struct fault *err)
{
    struct run *run = talloc_zero(result, struct run);
    bool ok;

    run->progress = progress;
    run->table = table_open(run, path, options, err);
    if (!run->table)
        return false;
    run->decimal = table_decimal(run->table);
    ok = run_all(result, run, options, seed, err);
    talloc_free(run);
    return ok;
}

struct analysis *analysis_run(void *mem, const char *path,
                              const struct options *options, uint64_t seed,
                              analysis_progress_fn *progress, struct fault *err)
{
    struct analysis *result = talloc_zero(mem, struct analysis);

    result->file = talloc_strdup(result, base_name(path));
    result->recommended = options->recommended;
    if (run_file(result, path, options, seed, progress, err))
        return result;
    talloc_free(result);
    return NULL;
}
