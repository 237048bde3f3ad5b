#include "profile.h"
#include "digest.h"
#include "hash.h"
#include "hll.h"
#include "utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

const char *const column_type_names[] = {
    [COLUMN_EMPTY] = "empty",   [COLUMN_INTEGER] = "integer",
    [COLUMN_NUMBER] = "number", [COLUMN_BOOLEAN] = "boolean",
    [COLUMN_DATE] = "date",     [COLUMN_DATETIME] = "datetime",
    [COLUMN_TEXT] = "text",     [COLUMN_MIXED] = "mixed",
};

const char *const quantile_names[QUANTILES] = {"p5",  "p25", "p50",
                                               "p75", "p95", "p99"};

static const double quantile_points[QUANTILES] = {0.05, 0.25, 0.5,
                                                  0.75, 0.95, 0.99};

/* Sketch sizes by the number of columns. */
static const struct size {
    size_t columns;
    unsigned hll_bits, counters, compression, buffer;
} sizes[] = {
    {64,              14, 1024, 200, 1024},
    {512,             12, 256,  100, 256 },
    {CSV_MAX_COLUMNS, 10, 32,   50,  64  },
};

/* Moments by Welford's method: no sum of squares that loses the digits. */
struct moments {
    uint64_t count;
    double mean, squares, min, max;
    bool whole; /* all of them are exact integers */
    int64_t whole_min, whole_max;
};

struct span {
    int64_t min, max;
    bool broken; /* a value cannot be read in this order */
};

/* The first values of one class: they are bad if the column has another. */
struct firsts {
    struct bad_value values[BAD_VALUES];
};

struct column {
    const char *name;
    const struct size *size;
    uint64_t classes[VALUE_CLASSES]; /* how many values of each */
    struct firsts *firsts[VALUE_CLASSES];

    struct hll *hll;
    struct topk *topk;
    struct digest *digest; /* from the first number on */
    struct moments numbers;
    struct span times[WHEN_ORDERS];
    struct clip min, max; /* of the texts of all values */

    uint64_t length_sum, length_min, length_max;
    int64_t first;    /* the integer in row 1 */
    bool counts_rows; /* so far each integer was the one before, plus one */
};

static const struct size *size_for(size_t columns)
{
    const struct size *size = sizes;

    while (columns > size->columns)
        size++;
    return size;
}

struct column *column_new(void *mem, const char *name, size_t columns)
{
    struct column *column = talloc_zero(mem, struct column);

    column->name = name;
    column->size = size_for(columns);
    column->hll = hll_new(column, column->size->hll_bits);
    column->topk = topk_new(column, column->size->counters);
    column->numbers.whole = true;
    column->counts_rows = true;
    for (int i = 0; i < WHEN_ORDERS; i++)
        column->times[i] = (struct span){.min = INT64_MAX, .max = INT64_MIN};
    return column;
}

static void moments_add(struct moments *m, const struct value *value)
{
    double delta = value->number - m->mean;

    if (m->count++ == 0) {
        m->min = m->max = value->number;
        m->whole_min = m->whole_max = value->integer;
    }
    m->mean += delta / (double)m->count;
    m->squares += delta * (value->number - m->mean);
    m->min = fmin(m->min, value->number);
    m->max = fmax(m->max, value->number);
    m->whole = m->whole && value->exact;
    if (value->integer < m->whole_min)
        m->whole_min = value->integer;
    if (value->integer > m->whole_max)
        m->whole_max = value->integer;
}

static void add_number(struct column *column, const struct value *value)
{
    if (!column->digest)
        column->digest =
            digest_new(column, column->size->compression, column->size->buffer);
    moments_add(&column->numbers, value);
    digest_add(column->digest, value->number);
}

static void add_time(struct column *column, const struct when *when)
{
    for (int i = 0; i < WHEN_ORDERS; i++) {
        struct span *span = &column->times[i];

        if (when->at_ms[i] == WHEN_NEVER) {
            span->broken = true;
            continue;
        }
        if (when->at_ms[i] < span->min)
            span->min = when->at_ms[i];
        if (when->at_ms[i] > span->max)
            span->max = when->at_ms[i];
    }
}

static void note_order(struct column *column, const struct value *value,
                       uint64_t row)
{
    if (row == 1)
        column->first = value->integer;
    if (!value->exact || column->first < 0 || column->first > 1 ||
        value->integer != column->first + (int64_t)row - 1)
        column->counts_rows = false;
}

static void note_first(struct column *column, enum value_class class,
                       const struct csv_field *field, uint64_t row)
{
    uint64_t seen = column->classes[class];
    struct bad_value *to;

    if (seen >= BAD_VALUES)
        return;
    if (!column->firsts[class])
        column->firsts[class] = talloc(column, struct firsts);
    to = &column->firsts[class]->values[seen];
    to->row = row;
    clip_set(&to->value, field->text, field->len);
}

static void add_length(struct column *column, const struct csv_field *field,
                       bool first)
{
    uint64_t length =
        field->ascii ? field->len : utf8_length(field->text, field->len);

    column->length_sum += length;
    if (first || length < column->length_min)
        column->length_min = length;
    if (length > column->length_max)
        column->length_max = length;
}

static void add_text(struct column *column, const struct csv_field *field,
                     bool first)
{
    uint64_t hash = hash_bytes(field->text, field->len, 0);

    hll_add(column->hll, hash);
    topk_add(column->topk, hash, field->text, field->len);
    add_length(column, field, first);
    if (first || clip_compare(&column->min, field->text, field->len) < 0)
        clip_set(&column->min, field->text, field->len);
    if (first || clip_compare(&column->max, field->text, field->len) > 0)
        clip_set(&column->max, field->text, field->len);
}

static uint64_t value_count(const struct column *column)
{
    uint64_t count = 0;

    for (int i = VALUE_EMPTY + 1; i < VALUE_CLASSES; i++)
        count += column->classes[i];
    return count;
}

void column_add(struct column *column, const struct csv_field *field,
                uint64_t row, char decimal)
{
    struct value value = {0};

    infer(field->text, field->len, decimal, &value);
    if (column->counts_rows)
        note_order(column, &value, row);
    if (value.class != VALUE_EMPTY) {
        note_first(column, value.class, field, row);
        add_text(column, field, value_count(column) == 0);
    }
    column->classes[value.class]++;
    switch (value.class) {
    case VALUE_INTEGER:
    case VALUE_NUMBER:
    case VALUE_CODE:
        add_number(column, &value);
        break;
    case VALUE_DATE:
    case VALUE_DATETIME:
        add_time(column, &value.when);
        break;
    default:
        break;
    }
}

/* Which classes a column of each type may hold. */
static const bool fits[][VALUE_CLASSES] = {
    [COLUMN_INTEGER] = {[VALUE_INTEGER] = true},
    [COLUMN_NUMBER] =
        {                    [VALUE_INTEGER] = true, [VALUE_NUMBER] = true, [VALUE_CODE] = true},
    [COLUMN_BOOLEAN] = { [VALUE_BOOLEAN] = true},
    [COLUMN_DATE] = {                   [VALUE_DATE] = true                     },
    [COLUMN_DATETIME] = {  [VALUE_DATE] = true,                      [VALUE_DATETIME] = true},
};

static uint64_t fit_count(const struct column *column, enum column_type type)
{
    uint64_t count = 0;

    for (int i = 0; i < VALUE_CLASSES; i++)
        count += fits[type][i] ? column->classes[i] : 0;
    return count;
}

/* The type that enough of the values have, the narrowest one first. */
static enum column_type decide(const struct column *column)
{
    const uint64_t *classes = column->classes;
    uint64_t count = value_count(column);
    double enough = TYPE_SHARE * (double)count;

    if (count == 0)
        return COLUMN_EMPTY;
    if ((double)fit_count(column, COLUMN_NUMBER) >= enough) {
        if (classes[VALUE_NUMBER])
            return COLUMN_NUMBER;
        /* As numbers, codes would lose their zeros. */
        return classes[VALUE_CODE] ? COLUMN_TEXT : COLUMN_INTEGER;
    }
    if ((double)fit_count(column, COLUMN_DATETIME) >= enough)
        return classes[VALUE_DATETIME] ? COLUMN_DATETIME : COLUMN_DATE;
    if ((double)classes[VALUE_BOOLEAN] >= enough)
        return COLUMN_BOOLEAN;
    /* Mostly words: then the few that look like something else are words. */
    return classes[VALUE_TEXT] * 2 >= count ? COLUMN_TEXT : COLUMN_MIXED;
}

/* Put a bad value among the first ones, which are in the order of rows. */
static void insert_bad(struct column_summary *ret, const struct bad_value *bad)
{
    size_t at = ret->bad_shown;

    while (at > 0 && ret->bad[at - 1].row > bad->row)
        at--;
    if (at == BAD_VALUES)
        return;
    if (ret->bad_shown < BAD_VALUES)
        ret->bad_shown++;
    memmove(&ret->bad[at + 1], &ret->bad[at],
            (ret->bad_shown - 1 - at) * sizeof(*bad));
    ret->bad[at] = *bad;
}

static void summarize_bad(const struct column *column,
                          struct column_summary *ret)
{
    if (ret->type == COLUMN_EMPTY || ret->type >= COLUMN_TEXT)
        return;
    for (int i = VALUE_EMPTY + 1; i < VALUE_CLASSES; i++) {
        if (fits[ret->type][i])
            continue;
        ret->bad_count += column->classes[i];
        for (uint64_t k = 0; k < column->classes[i] && k < BAD_VALUES; k++)
            insert_bad(ret, &column->firsts[i]->values[k]);
    }
}

static void summarize_numbers(struct column *column, struct column_summary *ret)
{
    const struct moments *m = &column->numbers;

    ret->number_min = m->min;
    ret->number_max = m->max;
    ret->whole = m->whole;
    ret->whole_min = m->whole_min;
    ret->whole_max = m->whole_max;
    if (m->whole) {
        snprintf(ret->min, CLIP_SHOWN, "%lld", (long long)m->whole_min);
        snprintf(ret->max, CLIP_SHOWN, "%lld", (long long)m->whole_max);
    } else {
        snprintf(ret->min, CLIP_SHOWN, "%.15g", m->min);
        snprintf(ret->max, CLIP_SHOWN, "%.15g", m->max);
    }
    ret->mean = m->mean;
    if (m->count > 1)
        ret->deviation = sqrt(m->squares / (double)(m->count - 1));
    for (int i = 0; i < QUANTILES; i++)
        ret->quantiles[i] = digest_quantile(column->digest, quantile_points[i]);
    ret->median = digest_quantile(column->digest, 0.5);
    ret->quantiles_exact = digest_is_exact(column->digest);
}

/* Read slashed dates in the order that all of them allow, if there is one. */
static void summarize_times(const struct column *column,
                            struct column_summary *ret)
{
    const struct span *day_first = &column->times[WHEN_DAY_FIRST];
    const struct span *span =
        day_first->broken ? &column->times[WHEN_MONTH_FIRST] : day_first;
    bool with_time = ret->type == COLUMN_DATETIME;

    if (span->broken)
        return;
    when_format(span->min, with_time, ret->min, CLIP_SHOWN);
    when_format(span->max, with_time, ret->max, CLIP_SHOWN);
}

static void summarize_range(struct column *column, struct column_summary *ret)
{
    switch (ret->type) {
    case COLUMN_EMPTY:
        break;
    case COLUMN_INTEGER:
    case COLUMN_NUMBER:
        summarize_numbers(column, ret);
        break;
    case COLUMN_DATE:
    case COLUMN_DATETIME:
        summarize_times(column, ret);
        break;
    default:
        clip_show(&column->min, ret->min);
        clip_show(&column->max, ret->max);
    }
}

static void summarize_values(struct column *column, struct column_summary *ret)
{
    ret->top_error = topk_error(column->topk);
    ret->distinct_exact = ret->top_error == 0;
    ret->distinct = ret->distinct_exact
                        ? topk_used(column->topk)
                        : (uint64_t)llround(hll_count(column->hll));
    if (ret->distinct > ret->count)
        ret->distinct = ret->count;
    ret->top_count = topk_list(column->topk, ret->top, TOP_VALUES);
    ret->length_min = column->length_min;
    ret->length_max = column->length_max;
    ret->length_mean =
        ret->count ? (double)column->length_sum / (double)ret->count : 0;
}

void column_summarize(struct column *column, struct column_summary *ret)
{
    *ret = (struct column_summary){
        .name = column->name,
        .type = decide(column),
        .count = value_count(column),
        .empty = column->classes[VALUE_EMPTY],
        .mean = NAN,
        .deviation = NAN,
        .median = NAN,
    };
    ret->counts_rows = column->counts_rows && ret->count > 1 && !ret->empty;
    for (int i = 0; i < QUANTILES; i++)
        ret->quantiles[i] = NAN;
    summarize_values(column, ret);
    summarize_range(column, ret);
    summarize_bad(column, ret);
}
