/* What the first bytes of a file tell. */
#ifndef HANDLERS_CSV_GUESS_H
#define HANDLERS_CSV_GUESS_H

#include <stddef.h>

/* What a file that cannot be CSV looks like ("a PDF"); NULL if it may be. */
const char *csv_guess_foreign(const char *head, size_t len);

/* The delimiter among , ; tab | that cuts the first records most evenly. */
char csv_guess_delimiter(const char *head, size_t len);

#endif
