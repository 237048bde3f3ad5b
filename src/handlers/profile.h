/*
 * The profile of one column, gathered value by value in fixed memory, and
 * what it comes to at the end.
 */
#ifndef HANDLERS_PROFILE_H
#define HANDLERS_PROFILE_H

#include "csv.h"
#include "infer.h"
#include "topk.h"

enum column_type {
    COLUMN_EMPTY, /* no value at all */
    COLUMN_INTEGER,
    COLUMN_NUMBER,
    COLUMN_BOOLEAN,
    COLUMN_DATE,
    COLUMN_DATETIME,
    COLUMN_TEXT,
    COLUMN_MIXED, /* no kind has TYPE_SHARE of the values */
};

/* So much of a column's values must be of one kind to give it a type. */
#define TYPE_SHARE 0.95

enum { BAD_VALUES = 5, TOP_VALUES = 10, QUANTILES = 6 };

extern const char *const column_type_names[];
extern const char *const quantile_names[QUANTILES]; /* "p5" ... "p99" */

struct bad_value {
    uint64_t row;
    struct clip value;
};

struct column;

/* Wide files get smaller sketches, so that all fit into the memory. */
struct column *column_new(void *mem, const char *name, size_t columns);

void column_add(struct column *column, const struct csv_field *field,
                uint64_t row, char decimal);

/* Everything there is to report. Text is shown at most CLIP_MAX bytes long. */
struct column_summary {
    const char *name;
    enum column_type type;
    uint64_t count, empty; /* values and missing values */

    uint64_t distinct;
    bool distinct_exact;
    const struct topk_value *top[TOP_VALUES];
    size_t top_count;
    uint64_t top_error; /* how much too low their counts may be */

    char min[CLIP_SHOWN], max[CLIP_SHOWN]; /* "" if there is none */
    bool whole;                            /* min and max are these integers */
    int64_t whole_min, whole_max;
    double number_min, number_max; /* else, for numbers, these */

    double mean, deviation; /* NAN for what is no number */
    double quantiles[QUANTILES], median;
    bool quantiles_exact;

    uint64_t length_min, length_max; /* in characters */
    double length_mean;

    uint64_t bad_count;
    struct bad_value bad[BAD_VALUES]; /* the first, by row */
    size_t bad_shown;

    bool counts_rows; /* the values are 0, 1, 2... or 1, 2, 3... */
};

/* ret points into the column. Add no more afterwards. */
void column_summarize(struct column *column, struct column_summary *ret);

#endif
