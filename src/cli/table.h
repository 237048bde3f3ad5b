#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "term.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* How a member of the API's JSON is shown. */
enum cell {
    CELL_TEXT,    /* any value */
    CELL_WORD,    /* a status, in its colour */
    CELL_INT,     /* to the right */
    CELL_TIME,    /* "3m ago" on a terminal, else RFC 3339 */
    CELL_SPAN,    /* ms, as "3.2s" on a terminal, else the number */
    CELL_SIZE,    /* bytes, as "1.4MB" on a terminal, else the number */
    CELL_COUNT,   /* how many members a list has */
    CELL_PERCENT, /* 42 as "42%" */
};

/* A column of a table, or a line of a record. */
struct column {
    const char *title;
    const char *member; /* a path as pick() takes it */
    enum cell kind;
    bool may_cut; /* gives way where the terminal is too narrow */
};

struct look {
    struct term term;
    int64_t now_ms;
};

/* How things look on this output now. */
struct look look_at(FILE *out);

/*
 * The rows as an aligned table under a line of titles. "-" stands for what a
 * row lacks.
 */
void table_print(const struct look *look, const json_t *rows,
                 const struct column *columns, size_t count, FILE *out);

/* One object, a line for each member that it has. */
void record_print(const struct look *look, const json_t *object,
                  const struct column *columns, size_t count, FILE *out);

/* What a cell says, without its colour; "-" where the value is not there. */
char *cell_text(void *mem, const struct look *look, const json_t *row,
                const struct column *column);

/* A time as the output has it: "3m ago", or as it came. */
char *time_text(void *mem, const struct look *look, const json_t *value);

/* Bytes as people read them: "812", "1.4MB". */
char *size_text(void *mem, int64_t bytes);

#endif
