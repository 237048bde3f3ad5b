/* Read a CSV file or a sheet once and profile its columns. */
#ifndef HANDLERS_ANALYSIS_H
#define HANDLERS_ANALYSIS_H

#include "options.h"
#include "profile.h"
#include "sample.h"

struct analysis {
    const char *file; /* its name without folders */
    uint64_t rows, bytes;
    char delimiter; /* 0: the file is a workbook */
    bool bom;
    const char *sheet;   /* of a workbook; NULL: the file is CSV */
    const char **sheets; /* all that it has, NULL-terminated */
    uint64_t formulas_without_value;
    bool recommended;
    size_t width; /* columns of the file */
    struct column_summary *columns;
    const char **dropped; /* why a column is left out; NULL: it stays */
    struct sample *sample;
};

/* What the caller hears of while the file is read. */
typedef void analysis_progress_fn(uint64_t rows, uint64_t bytes,
                                  uint64_t bytes_total);

/* A result in the talloc context mem, NULL on failure. */
struct analysis *analysis_run(void *mem, const char *path,
                              const struct options *options, uint64_t seed,
                              analysis_progress_fn *progress,
                              struct fault *err);

#endif
