/* The rows of a file, be it CSV or a workbook: its first bytes tell. */
#ifndef HANDLERS_TABLE_H
#define HANDLERS_TABLE_H

#include "analysis.h"

struct table;

/* On the talloc context mem; NULL on failure. */
struct table *table_open(void *mem, const char *path,
                         const struct options *options, struct fault *err);

/* As csv_next(). */
enum csv_step table_next(struct table *table, struct csv_record *ret,
                         struct fault *err);

/* How far it is; of a workbook what its sheet unpacks to. */
uint64_t table_bytes(const struct table *table);
uint64_t table_size(const struct table *table);

/* The decimal sign of its numbers. */
char table_decimal(const struct table *table);

/* "file" or "sheet". */
const char *table_what(const struct table *table);

/* Say at the end what was read: size, delimiter, sheets. */
void table_describe(const struct table *table, struct analysis *ret);

#endif
