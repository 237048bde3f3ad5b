/* Dates and times as CSV files write them. */
#ifndef HANDLERS_WHEN_H
#define HANDLERS_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 03/04/2024 can be read in two ways; only the whole column may tell. */
enum when_order { WHEN_DAY_FIRST, WHEN_MONTH_FIRST, WHEN_ORDERS };

#define WHEN_NEVER INT64_MIN

struct when {
    bool has_time;
    bool slashed;               /* day and month by slashes: see at[] */
    int64_t at_ms[WHEN_ORDERS]; /* UTC; WHEN_NEVER if it cannot be read so */
};

/*
 * 2024-03-25, 2024/03/25, 25.03.2024, 25/03/2024 or 03/25/2024; with a time
 * after "T" or a space: 14:30, 14:30:05, 14:30:05.123, and Z or +02:00.
 * False if text is nothing of the kind. A time without a zone counts as UTC.
 */
bool when_parse(const char *text, size_t len, struct when *ret);

/* "2024-03-25", or with time "2024-03-25T14:30:05.000Z". */
void when_format(int64_t at_ms, bool with_time, char *ret, size_t size);

#endif
