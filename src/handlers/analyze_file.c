/*
 * analyze-file: profiles a CSV file of any size.
 *
 * Reads the job's input file once, in constant memory, and leaves result.xlsx
 * as an artifact; the same figures are the job's result. The payload may have
 * "filterOption" ("all" or "recommended"), "file" (which input), "delimiter"
 * and "sampleRows". What is wrong with a file is said with row and column,
 * and fails the job for good; only a full or failing disk is worth a retry.
 */
#include "analysis.h"
#include "hash.h"
#include "kit.h"
#include "report_json.h"
#include "report_xlsx.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

#define EXCEL_FILE "result.xlsx"

enum { READ_PERCENT = 90 }; /* the rest is for the report */

/* 1234567 as "1,234,567". */
static const char *grouped(uint64_t n, char ret[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    char *to = ret;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return ret;
}

static void on_progress(uint64_t rows, uint64_t bytes, uint64_t bytes_total)
{
    char text[32];

    kit_progress((double)bytes * READ_PERCENT / (double)(bytes_total + 1),
                 "%s rows", grouped(rows, text));
}

static bool write_workbook(const struct analysis *analysis, struct fault *err)
{
    struct kit_output out;

    if (!kit_output_begin(EXCEL_FILE, &out, err))
        return false;
    if (!report_xlsx(analysis, out.temp, kit_scratch_dir(), err)) {
        kit_output_drop(&out);
        return false;
    }
    return kit_output_keep(&out, err);
}

static bool analyze(void *mem, json_t *payload, json_t **ret, struct fault *err)
{
    const char *id = kit_job_id();
    struct options options;
    struct analysis *analysis;
    char path[PATH_MAX];

    if (!options_read(payload, &options, err) ||
        !kit_input(options.file, path, err))
        return false;
    analysis = analysis_run(mem, path, &options, hash_bytes(id, strlen(id), 0),
                            on_progress, err);
    if (!analysis)
        return false;
    kit_progress(READ_PERCENT, "writing the report");
    if (!write_workbook(analysis, err))
        return false;
    *ret = report_json(analysis, EXCEL_FILE);
    return true;
}

int main(void)
{
    void *mem = talloc_new(NULL);
    json_t *payload = NULL, *result;
    struct fault err;
    int status;

    kit_start();
    if (kit_payload(&payload, &err) && analyze(mem, payload, &result, &err))
        status = kit_result(result);
    else
        status = kit_fail_with(&err);
    json_decref(payload);
    talloc_free(mem);
    return status;
}
