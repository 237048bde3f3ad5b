#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "table.h"

/* The columns that more than one command shows. */

/* Jobs in a list, and one job whole. */
extern const struct column job_columns[], job_record[];
extern const size_t job_column_count, job_record_count;

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#endif
