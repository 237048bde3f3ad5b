#ifndef HANDLERS_REPORT_XLSX_H
#define HANDLERS_REPORT_XLSX_H

#include "analysis.h"

/*
 * Write the workbook: the sheets Columns, Sample, Charts and, if columns were
 * left out, Dropped. Scratch files go to the folder scratch.
 */
bool report_xlsx(const struct analysis *analysis, const char *path,
                 const char *scratch, struct fault *err);

#endif
