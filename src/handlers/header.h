#ifndef HANDLERS_HEADER_H
#define HANDLERS_HEADER_H

#include "csv.h"

/*
 * The columns' names in the talloc context mem: trimmed, cut to a length that
 * can be shown, and made unique (a column without a name becomes column_3,
 * the second "a" becomes a_2).
 */
const char **header_names(void *mem, const struct csv_record *header);

/* Whether the column had no name of its own. */
bool header_is_unnamed(const struct csv_field *field);

#endif
