/* A cell of a sheet: what its attributes say, and what its value shows. */
#ifndef HANDLERS_CELL_H
#define HANDLERS_CELL_H

#include "serial.h"

#include <stdint.h>

enum cell_type {
    CELL_NUMBER,
    CELL_SHARED, /* its value is a place among the shared texts */
    CELL_INLINE, /* its text stands in it */
    CELL_FLAG,
    CELL_TEXT, /* of a formula; an error; a date in ISO 8601 */
};

struct cell {
    enum cell_type type;
    long style;
    size_t at; /* where its text begins in the row's bytes */
    bool has_formula;
    bool open; /* it has begun and not ended */
};

void cell_begin(struct cell *cell, const char **attributes, size_t at);

enum { CELL_COLUMN = 8 };

/* 28 as "AB". */
const char *cell_column_name(size_t column, char ret[CELL_COLUMN]);

/* The column of "AB7", from 1; where the cell does not say, `next`. */
size_t cell_column(const char *reference, size_t next);

/* The same of a row's number. */
uint64_t cell_row(const char *number, uint64_t next);

/* Digits as a number; SIZE_MAX where it is none. */
size_t cell_number_of_text(const char *text, size_t len);

/* What a number shows, and how long that is; 0: it is no number. */
size_t cell_show(const char *text, size_t len, enum serial_kind kind,
                 bool since_1904, char ret[SERIAL_TEXT]);

#endif
