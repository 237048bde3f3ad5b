/*
 * A streaming CSV reader (RFC 4180) in constant memory.
 *
 * Lines end with LF, CRLF or CR; a field in quotes may hold delimiters, line
 * ends and doubled quotes. The first record (the header) fixes the number of
 * columns. Empty lines are passed over, except where there is one column:
 * there they are an empty value. Everything else that is not plain is refused
 * with its place: another number of fields, text after a closing quote, an
 * open quote at the end, a NUL byte, invalid UTF-8. A quote inside a field
 * that does not begin with one is text.
 */
#ifndef HANDLERS_CSV_H
#define HANDLERS_CSV_H

#include "fault.h"

#include <sys/types.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
/* So small that a fuzzer gets to them. */
enum {
    CSV_MAX_FIELD = 64,
    CSV_MAX_RECORD = 256,
    CSV_MAX_COLUMNS = 16,
    CSV_PIECE = 32,
};
#else
enum {
    CSV_MAX_FIELD = 1024 * 1024,
    CSV_MAX_RECORD = 8 * 1024 * 1024,
    CSV_MAX_COLUMNS = 4096,
    CSV_PIECE = 256 * 1024, /* of one read; a quarter is looked at to guess */
};
#endif

struct csv_field {
    const char *text; /* no 0 at its end */
    size_t len;
    bool quoted;
    bool ascii; /* so that one byte is one character */
};

/* Lives until the next csv_next(). */
struct csv_record {
    const struct csv_field *fields;
    size_t count;
    uint64_t row;  /* 0 is the header */
    uint64_t line; /* of its first byte, from 1 */
};

enum csv_step {
    CSV_ROW,
    CSV_END,
    CSV_FAILED, /* see the fault */
};

/* As read(2): bytes, 0 at the end, -1 with errno. */
typedef ssize_t csv_read_fn(void *arg, char *buf, size_t size);

struct csv;

/*
 * A reader in the talloc context mem. It reads the beginning, refuses what is
 * no CSV at all, and guesses the delimiter if that is 0. NULL on failure.
 */
struct csv *csv_open(void *mem, csv_read_fn *read, void *arg, char delimiter,
                     struct fault *err);

enum csv_step csv_next(struct csv *csv, struct csv_record *ret,
                       struct fault *err);

char csv_delimiter(const struct csv *csv);
bool csv_has_bom(const struct csv *csv);
uint64_t csv_bytes(const struct csv *csv); /* read so far */

#endif
