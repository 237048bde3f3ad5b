/*
 * Any bytes, in pieces of any size: the reader keeps within its buffer, gives
 * rows of one width, and says the same however the bytes come in.
 */
#include "csv.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct source {
    const uint8_t *bytes;
    size_t left, piece;
};

static ssize_t read_piece(void *arg, char *buf, size_t size)
{
    struct source *source = arg;
    size_t n = source->piece < size ? source->piece : size;

    if (n > source->left)
        n = source->left;
    if (n > 0)
        memcpy(buf, source->bytes, n);
    source->bytes += n;
    source->left -= n;
    return (ssize_t)n;
}

/* A checksum over all that the reader gives. */
static uint64_t digest(struct source source)
{
    struct fault err = {0};
    struct csv *csv = csv_open(NULL, read_piece, &source, 0, &err);
    struct csv_record record;
    uint64_t sum = 0;
    size_t width = 0;

    while (csv && csv_next(csv, &record, &err) == CSV_ROW) {
        if (width && record.count != width)
            abort();
        width = record.count;
        for (size_t i = 0; i < record.count; i++)
            for (size_t k = 0; k < record.fields[i].len; k++)
                sum = sum * 31 + (uint8_t)record.fields[i].text[k];
        sum = sum * 31 + record.line;
    }
    for (const char *p = err.text; *p; p++)
        sum = sum * 31 + (uint8_t)*p;
    talloc_free(csv);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source source;

    if (size == 0)
        return 0;
    source = (struct source){data + 1, size - 1, (size_t)data[0] + 1};
    if (digest(source) != digest((struct source){data + 1, size - 1, size}))
        abort();
    return 0;
}
