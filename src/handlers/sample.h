/* A random choice of rows, the same for the same seed (reservoir sampling). */
#ifndef HANDLERS_SAMPLE_H
#define HANDLERS_SAMPLE_H

#include "csv.h"

enum {
    SAMPLE_MAX_CELL = 250,    /* bytes of a value that are kept */
    SAMPLE_MAX_CELLS = 50000, /* fewer rows of wide files */
    SAMPLE_MAX_ROWS = 10000,
};

struct sample;

struct sample *sample_new(void *mem, size_t rows, size_t columns,
                          uint64_t seed);
void sample_add(struct sample *sample, const struct csv_record *record);

/* Put the rows into their order in the file; add no more afterwards. */
void sample_sort(struct sample *sample);
size_t sample_count(const struct sample *sample);

/* One row, as a cursor over its cells from the first to the last. */
struct sample_cursor {
    uint64_t row;
    const char *at;
};

struct sample_cursor sample_row(const struct sample *sample, size_t index);

/* The next cell: text without a 0 at its end, cut to SAMPLE_MAX_CELL. */
const char *sample_cell(struct sample_cursor *cursor, size_t *ret_len);

#endif
