/*
 * The rows of a sheet, one by one, as records of texts: numbers as they are
 * shown in full, dates by the style of their cells, formulas by the value that
 * was last worked out, merged cells in their first one.
 *
 * The first row with a value is the header; it fixes the number of columns. A
 * value further right is refused with its place. Rows without any value are
 * passed over.
 */
#ifndef HANDLERS_SHEET_H
#define HANDLERS_SHEET_H

#include "book.h"
#include "csv.h"

struct sheet;

/* The book must live as long. NULL on failure. */
struct sheet *sheet_open(void *mem, const struct book *book,
                         const struct book_sheet *which, struct fault *err);

/* record.line is the row's number in the sheet. */
enum csv_step sheet_next(struct sheet *sheet, struct csv_record *ret,
                         struct fault *err);

uint64_t sheet_bytes(const struct sheet *sheet); /* read so far */
uint64_t sheet_size(const struct sheet *sheet);  /* as the file says */

/* Formulas whose value nobody has worked out yet: they count as empty. */
uint64_t sheet_formulas_without_value(const struct sheet *sheet);

#endif
