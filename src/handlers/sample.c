#include "sample.h"
#include "hash.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* Each cell is a byte with its length, then its text. */
struct sample_row {
    uint64_t row;
    uint8_t *cells;
};

struct sample {
    struct sample_row *rows;
    size_t count, room;
    uint64_t seen;
    uint64_t random;
};

struct sample *sample_new(void *mem, size_t rows, size_t columns, uint64_t seed)
{
    struct sample *sample = talloc_zero(mem, struct sample);

    sample->room =
        rows * columns > SAMPLE_MAX_CELLS ? SAMPLE_MAX_CELLS / columns : rows;
    sample->rows =
        talloc_zero_array(sample, struct sample_row, (unsigned)sample->room);
    sample->random = seed;
    return sample;
}

static uint8_t *pack(const struct sample *sample,
                     const struct csv_record *record)
{
    size_t size = record->count, len;
    uint8_t *cells, *to;

    for (size_t i = 0; i < record->count; i++)
        size += utf8_cut(record->fields[i].text, record->fields[i].len,
                         SAMPLE_MAX_CELL);
    cells = to = talloc_array(sample->rows, uint8_t, (unsigned)size);
    for (size_t i = 0; i < record->count; i++) {
        len = utf8_cut(record->fields[i].text, record->fields[i].len,
                       SAMPLE_MAX_CELL);
        *to++ = (uint8_t)len;
        memcpy(to, record->fields[i].text, len);
        to += len;
    }
    return cells;
}

void sample_add(struct sample *sample, const struct csv_record *record)
{
    uint64_t at = sample->seen++;

    if (sample->count < sample->room)
        sample->count++;
    else
        at = hash_random(&sample->random) % sample->seen;
    if (at >= sample->room)
        return;
    talloc_free(sample->rows[at].cells);
    sample->rows[at].row = record->row;
    sample->rows[at].cells = pack(sample, record);
}

static int by_row(const void *a, const void *b)
{
    const struct sample_row *x = a, *y = b;

    return (x->row > y->row) - (x->row < y->row);
}

void sample_sort(struct sample *sample)
{
    qsort(sample->rows, sample->count, sizeof(*sample->rows), by_row);
}

size_t sample_count(const struct sample *sample)
{
    return sample->count;
}

struct sample_cursor sample_row(const struct sample *sample, size_t index)
{
    const struct sample_row *row = &sample->rows[index];

    return (struct sample_cursor){row->row, (const char *)row->cells};
}

const char *sample_cell(struct sample_cursor *cursor, size_t *ret_len)
{
    const char *text = cursor->at + 1;

    *ret_len = (uint8_t)*cursor->at;
    cursor->at = text + *ret_len;
    return text;
}
