#ifndef HANDLERS_REPORT_JSON_H
#define HANDLERS_REPORT_JSON_H

#include "analysis.h"

#include <jansson.h>

/* The job's result: the summary and the names of the files around it. */
json_t *report_json(const struct analysis *analysis, const char *excel_file);

#endif
