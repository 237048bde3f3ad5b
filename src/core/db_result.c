#include "db_private.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static int result_clear(struct db_result *rows)
{
    PQclear(rows->pg);
    return 0;
}

struct db_result *db_result_new(void *mem, PGresult *pg)
{
    struct db_result *rows = talloc_zero(mem, struct db_result);

    rows->pg = pg;
    talloc_set_destructor(rows, result_clear);
    return rows;
}

bool db_result_ok(const PGresult *pg)
{
    ExecStatusType status = PQresultStatus(pg);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
           status == PGRES_EMPTY_QUERY;
}

int db_count(const struct db_result *rows)
{
    return PQntuples(rows->pg);
}

int64_t db_changed(const struct db_result *rows)
{
    return strtoll(PQcmdTuples(rows->pg), NULL, 10);
}

/* PQfnumber would fold the case of the name, and copy it each time. */
static int find_column(const struct db_result *rows, const char *name)
{
    int column = PQnfields(rows->pg) - 1;

    while (column >= 0 && strcmp(PQfname(rows->pg, column), name) != 0)
        column--;
    return column;
}

static const char *field(const struct db_result *rows, int row, int column)
{
    if (PQgetisnull(rows->pg, row, column))
        return NULL;
    return PQgetvalue(rows->pg, row, column);
}

const char *db_text(const struct db_result *rows, int row, const char *column)
{
    int at = find_column(rows, column);

    assert(at >= 0 && row >= 0 && row < db_count(rows));
    return field(rows, row, at);
}

static bool whole_number(const char *text, int64_t min, int64_t max,
                         int64_t *ret)
{
    char *end;
    int64_t value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static bool truth(const char *text, bool *ret)
{
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0)
        return false;
    *ret = *text == 't';
    return true;
}

/* Write one field into the struct; false where the text is not of the type. */
static bool decode(enum db_type type, const char *text, void *to)
{
    int64_t number = 0;
    bool flag = false;

    switch (type) {
    case DB_TEXT:
        *(const char **)to = text;
        return true;
    case DB_BOOL:
        if (text && !truth(text, &flag))
            return false;
        *(bool *)to = flag;
        return true;
    case DB_INT4:
        if (text && !whole_number(text, INT32_MIN, INT32_MAX, &number))
            return false;
        *(int32_t *)to = (int32_t)number;
        return true;
    case DB_INT8:
        if (text && !whole_number(text, INT64_MIN, INT64_MAX, &number))
            return false;
        *(int64_t *)to = number;
        return true;
    }
    return false;
}

bool db_row(const struct db_result *rows, int row,
            const struct db_column *columns, void *ret, struct error *err)
{
    assert(row >= 0 && row < db_count(rows));
    for (const struct db_column *want = columns; want->name; want++) {
        int at = find_column(rows, want->name);

        if (at < 0)
            return error_set(err, ERROR_INTERNAL, "internal_error",
                             "column %s is missing in the result", want->name);
        if (!decode(want->type, field(rows, row, at),
                    (char *)ret + want->offset))
            return error_set(err, ERROR_INTERNAL, "internal_error",
                             "column %s: \"%.40s\" does not fit its type",
                             want->name, field(rows, row, at));
    }
    return true;
}
