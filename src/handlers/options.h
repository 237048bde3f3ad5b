/* The payload of an analyze-file job. */
#ifndef HANDLERS_OPTIONS_H
#define HANDLERS_OPTIONS_H

#include "fault.h"

#include <jansson.h>

struct options {
    bool recommended; /* "filterOption": leave out what carries nothing */
    const char *file; /* NULL: the only input file */
    char delimiter;   /* 0: to be guessed */
    size_t sample_rows;
    const char *sheet;     /* of a workbook by its name; NULL: not */
    size_t sheet_position; /* by its position from 1; 0: the first shown */
};

/* ret borrows its strings from payload. */
bool options_read(json_t *payload, struct options *ret, struct fault *err);

#endif
