/* Dates as spreadsheets have them: numbers that a format makes into dates. */
#ifndef HANDLERS_SERIAL_H
#define HANDLERS_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

enum serial_kind {
    SERIAL_NUMBER, /* not a date at all */
    SERIAL_DATE,
    SERIAL_DATETIME,
    SERIAL_TIME, /* of a day, or how long something took */
};

/* What a format code of a workbook ("dd/mm/yyyy hh:mm") makes of a number. */
enum serial_kind serial_kind(const char *code);

/* The same of the formats that are only known by their number. */
enum serial_kind serial_builtin(long number);

enum { SERIAL_TEXT = 40 };

/*
 * "2024-03-25", "2024-03-25 14:30:05", "14:30:05" or, of a number and of what
 * is no date of years 1900 to 9999, the number with the 15 digits that a
 * spreadsheet has. since_1904: the days are counted from there.
 */
size_t serial_text(double number, enum serial_kind kind, bool since_1904,
                   char ret[SERIAL_TEXT]);

#endif
