#include "report_xlsx.h"
#include "xlsx_check.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <talloc.h>
#include <xlsxwriter.h>

enum { CHART_COLUMNS = 40 }; /* more bars than this cannot be read */

struct book {
    const struct analysis *analysis;
    lxw_workbook *workbook;
    lxw_format *heading, *share, *number;
    lxw_row_t kept;  /* rows of the Columns sheet */
    lxw_error error; /* the first one */
    bool scratch_full;
};

/* Where the next cell of a row goes. */
struct pen {
    struct book *book;
    lxw_worksheet *sheet;
    lxw_row_t row;
    lxw_col_t col;
};

static void note(struct book *book, lxw_error error)
{
    if (book->error == LXW_NO_ERROR)
        book->error = error;
}

static void put_text(struct pen *pen, const char *text, lxw_format *format)
{
    note(pen->book, worksheet_write_string(pen->sheet, pen->row, pen->col++,
                                           text, format));
}

/* Leaves the cell empty for what is no number. */
static void put_number(struct pen *pen, double number, lxw_format *format)
{
    if (isfinite(number))
        note(pen->book, worksheet_write_number(pen->sheet, pen->row, pen->col,
                                               number, format));
    pen->col++;
}

static void put_count(struct pen *pen, uint64_t count)
{
    put_number(pen, (double)count, NULL);
}

static void next_row(struct pen *pen)
{
    pen->row++;
    pen->col = 0;
}

static struct pen new_sheet(struct book *book, const char *name)
{
    struct pen pen = {.book = book,
                      .sheet = workbook_add_worksheet(book->workbook, name)};

    if (!pen.sheet)
        note(book, LXW_ERROR_MEMORY_MALLOC_FAILED);
    return pen;
}

static void put_headings(struct pen *pen, const char *const *headings,
                         size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_text(pen, headings[i], pen->book->heading);
    worksheet_freeze_panes(pen->sheet, 1, 0);
    next_row(pen);
}

static bool is_number(const struct column_summary *c)
{
    return c->type == COLUMN_INTEGER || c->type == COLUMN_NUMBER;
}

/* Excel keeps 15 digits: a larger integer stays whole as text. */
static void put_bound(struct pen *pen, const struct column_summary *c,
                      const char *text, double number)
{
    if (is_number(c) && fabs(number) < 1e15)
        put_number(pen, number, NULL);
    else
        put_text(pen, text, NULL);
}

static const char *const column_headings[] = {
    "Position",
    "Column",
    "Type",
    "Values",
    "Empty",
    "Empty share",
    "Distinct",
    "Min",
    "Max",
    "Mean",
    "Std. dev.",
    "p5",
    "p25",
    "p50",
    "p75",
    "p95",
    "p99",
    "Length min",
    "Length max",
    "Length mean",
    "Top value",
    "Top count",
    "Bad values",
    "First bad row",
    "First bad value",
};

enum {
    COLUMN_HEADINGS = sizeof(column_headings) / sizeof(*column_headings),
    NAME_COL = 1,
    SHARE_COL = 5,
    DISTINCT_COL = 6,
};

static void put_examples(struct pen *pen, const struct column_summary *c)
{
    char shown[CLIP_SHOWN];

    if (c->top_count > 0) {
        put_text(pen, clip_show(&c->top[0]->clip, shown), NULL);
        put_count(pen, c->top[0]->count);
    } else {
        pen->col = (lxw_col_t)(pen->col + 2);
    }
    put_count(pen, c->bad_count);
    if (c->bad_shown > 0) {
        put_count(pen, c->bad[0].row);
        put_text(pen, clip_show(&c->bad[0].value, shown), NULL);
    }
}

static void put_profile(struct pen *pen, const struct column_summary *c,
                        size_t position, uint64_t rows)
{
    put_count(pen, position);
    put_text(pen, c->name, NULL);
    put_text(pen, column_type_names[c->type], NULL);
    put_count(pen, c->count);
    put_count(pen, c->empty);
    put_number(pen, rows ? (double)c->empty / (double)rows : NAN,
               pen->book->share);
    put_count(pen, c->distinct);
    put_bound(pen, c, c->min, c->number_min);
    put_bound(pen, c, c->max, c->number_max);
    put_number(pen, c->mean, pen->book->number);
    put_number(pen, c->deviation, pen->book->number);
    for (int i = 0; i < QUANTILES; i++)
        put_number(pen, c->quantiles[i], pen->book->number);
    put_count(pen, c->length_min);
    put_count(pen, c->length_max);
    put_number(pen, c->length_mean, pen->book->number);
    put_examples(pen, c);
    next_row(pen);
}

/* Rows go to a scratch file whose errors libxlsxwriter does not look at. */
static void end_sheet(const struct pen *pen)
{
    FILE *rows = pen->sheet->optimize_tmpfile;

    if (rows && (fflush(rows) != 0 || ferror(rows)))
        pen->book->scratch_full = true;
}

static void write_columns(struct book *book)
{
    const struct analysis *a = book->analysis;
    struct pen pen = new_sheet(book, "Columns");

    worksheet_set_column(pen.sheet, NAME_COL, NAME_COL, 24, NULL);
    put_headings(&pen, column_headings, COLUMN_HEADINGS);
    for (size_t i = 0; i < a->width; i++)
        if (!a->dropped[i])
            put_profile(&pen, &a->columns[i], i + 1, a->rows);
    book->kept = pen.row - 1;
    end_sheet(&pen);
}

/* A cell of the file: as a number where the column has numbers. */
static void put_cell(struct pen *pen, const struct column_summary *c,
                     const char *cell, size_t len)
{
    char text[SAMPLE_MAX_CELL + 1];
    char decimal = pen->book->analysis->delimiter == ';' ? ',' : '.';
    struct value value;

    if (is_number(c)) {
        infer(cell, len, decimal, &value);
        if ((value.class == VALUE_INTEGER || value.class == VALUE_NUMBER) &&
            fabs(value.number) < 1e15) {
            put_number(pen, value.number, NULL);
            return;
        }
    }
    memcpy(text, cell, len);
    text[len] = 0;
    put_text(pen, text, NULL);
}

static void put_sample_row(struct pen *pen, struct sample_cursor row)
{
    const struct analysis *a = pen->book->analysis;

    put_count(pen, row.row);
    for (size_t i = 0; i < a->width; i++) {
        size_t len;
        const char *cell = sample_cell(&row, &len);

        if (a->dropped[i])
            continue;
        if (len > 0)
            put_cell(pen, &a->columns[i], cell, len);
        else
            pen->col++;
    }
    next_row(pen);
}

static void write_sample(struct book *book)
{
    const struct analysis *a = book->analysis;
    struct pen pen = new_sheet(book, "Sample");

    put_text(&pen, "Row", book->heading);
    for (size_t i = 0; i < a->width; i++)
        if (!a->dropped[i])
            put_text(&pen, a->columns[i].name, book->heading);
    worksheet_freeze_panes(pen.sheet, 1, 0);
    next_row(&pen);
    for (size_t i = 0; i < sample_count(a->sample); i++)
        put_sample_row(&pen, sample_row(a->sample, i));
    end_sheet(&pen);
}

/* A bar for each column, from one column of the Columns sheet. */
static void put_chart(struct pen *pen, const char *title, lxw_col_t values)
{
    lxw_row_t last =
        pen->book->kept > CHART_COLUMNS ? CHART_COLUMNS : pen->book->kept;
    lxw_chart *chart = workbook_add_chart(pen->book->workbook, LXW_CHART_BAR);
    lxw_chart_series *series = chart_add_series(chart, NULL, NULL);
    lxw_chart_options size = {.y_scale = 0.6 + last * 0.06};

    chart_series_set_categories(series, "Columns", 1, NAME_COL, last, NAME_COL);
    chart_series_set_values(series, "Columns", 1, values, last, values);
    chart_title_set_name(chart, title);
    chart_legend_set_position(chart, LXW_CHART_LEGEND_NONE);
    chart_axis_set_reverse(chart->x_axis); /* the first column at the top */
    note(pen->book, worksheet_insert_chart_opt(pen->sheet, pen->row, pen->col,
                                               chart, &size));
    pen->col = (lxw_col_t)(pen->col + 9);
}

static void write_charts(struct book *book)
{
    struct pen pen = new_sheet(book, "Charts");

    if (book->kept == 0)
        return;
    put_chart(&pen, "Share of empty values", SHARE_COL);
    put_chart(&pen, "Distinct values", DISTINCT_COL);
}

static void write_dropped(struct book *book)
{
    static const char *const headings[] = {"Column", "Reason"};
    const struct analysis *a = book->analysis;
    struct pen pen;

    if (book->kept == a->width)
        return;
    pen = new_sheet(book, "Dropped");
    worksheet_set_column(pen.sheet, 0, 1, 30, NULL);
    put_headings(&pen, headings, 2);
    for (size_t i = 0; i < a->width; i++) {
        if (!a->dropped[i])
            continue;
        put_text(&pen, a->columns[i].name, NULL);
        put_text(&pen, a->dropped[i], NULL);
        next_row(&pen);
    }
    end_sheet(&pen);
}

static void make_formats(struct book *book)
{
    book->heading = workbook_add_format(book->workbook);
    format_set_bold(book->heading);
    format_set_bottom(book->heading, LXW_BORDER_THIN);
    book->share = workbook_add_format(book->workbook);
    format_set_num_format(book->share, "0.0%");
    book->number = workbook_add_format(book->workbook);
    format_set_num_format(book->number, "#,##0.####");
}

bool report_xlsx(const struct analysis *analysis, const char *path,
                 const char *scratch, struct fault *err)
{
    struct book book = {.analysis = analysis};
    char *tmpdir = talloc_strdup(NULL, scratch);
    lxw_workbook_options options = {.constant_memory = LXW_TRUE,
                                    .tmpdir = tmpdir};

    book.workbook = workbook_new_opt(path, &options);
    make_formats(&book);
    write_columns(&book);
    write_sample(&book);
    write_charts(&book);
    write_dropped(&book);
    note(&book, workbook_close(book.workbook));
    talloc_free(tmpdir);
    if (book.error != LXW_NO_ERROR)
        return fault_set(err, FAULT_RETRY, "output_failed",
                         "cannot write the workbook: %s (%s)",
                         lxw_strerror(book.error), strerror(errno));
    if (book.scratch_full || !xlsx_is_whole(path))
        return fault_set(err, FAULT_RETRY, "output_failed",
                         "cannot write the workbook: no space left in %s",
                         scratch);
    return true;
}
