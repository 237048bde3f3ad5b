#include "table.h"

#include "age.h"
#include "clock.h"
#include "pick.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

#define GAP       2
#define LEAST_CUT 8 /* a column that gives way keeps this much */
#define NOTHING   "-"

struct look look_at(FILE *out)
{
    return (struct look){.term = term_of(fileno(out)),
                         .now_ms = clock_now_ms()};
}

char *size_text(void *mem, int64_t bytes)
{
    static const char *const units[] = {"", "KB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 1024 && i + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1024;
        i++;
    }
    return talloc_asprintf(mem, i == 0 ? "%.0f%s" : "%.1f%s", value, units[i]);
}

char *time_text(void *mem, const struct look *look, const json_t *value)
{
    const char *text = json_string_value(value);
    struct error err;
    int64_t at;

    if (!look->term.tty || !text || !clock_parse(text, &at, &err))
        return pick_any(mem, value);
    return age_text(mem, at, look->now_ms);
}

static char *number_text(void *mem, const struct look *look,
                         const json_t *value, char *(*shown)(void *, int64_t))
{
    if (look->term.tty && json_is_number(value))
        return shown(mem, (int64_t)json_number_value(value));
    return pick_any(mem, value);
}

char *cell_text(void *mem, const struct look *look, const json_t *row,
                const struct column *column)
{
    const json_t *value = pick(row, column->member);

    if (!value)
        return talloc_strdup(mem, NOTHING);
    switch (column->kind) {
    case CELL_TIME:
        return time_text(mem, look, value);
    case CELL_SPAN:
        return number_text(mem, look, value, age_span);
    case CELL_SIZE:
        return number_text(mem, look, value, size_text);
    case CELL_COUNT:
        return talloc_asprintf(mem, "%zu", json_array_size(value));
    case CELL_PERCENT:
        return talloc_asprintf(mem, "%s%%", pick_any(mem, value));
    default:
        return pick_any(mem, value);
    }
}

static bool to_the_right(enum cell kind)
{
    return kind == CELL_INT || kind == CELL_COUNT || kind == CELL_PERCENT ||
           kind == CELL_SPAN || kind == CELL_SIZE;
}

/* A table on its way to the output: the texts, and how wide each column is. */
struct table {
    const struct look *look;
    const struct column *columns;
    int count; /* of the columns that are shown */
    int rows;
    char **cells; /* row by row, with all columns */
    int stride;   /* cells in a row */
    int *widths;
};

static void measure(struct table *table, int column, const char *text)
{
    int width = term_columns(text);

    if (width > table->widths[column])
        table->widths[column] = width;
}

static struct table *fill(void *mem, const struct look *look,
                          const json_t *rows, const struct column *columns,
                          size_t count)
{
    struct table *table = talloc_zero(mem, struct table);
    char **cell;

    *table = (struct table){.look = look,
                            .columns = columns,
                            .count = (int)count,
                            .stride = (int)count,
                            .rows = (int)json_array_size(rows)};
    table->cells =
        talloc_array(table, char *, (unsigned)(count * json_array_size(rows)));
    table->widths = talloc_zero_array(table, int, (unsigned)count);
    cell = table->cells;
    for (int c = 0; c < table->count; c++)
        measure(table, c, columns[c].title);
    for (int r = 0; r < table->rows; r++)
        for (int c = 0; c < table->count; c++, cell++) {
            *cell = cell_text(table->cells, look,
                              json_array_get(rows, (size_t)r), &columns[c]);
            measure(table, c, *cell);
        }
    return table;
}

static int total(const struct table *table)
{
    int width = GAP * (table->count - 1);

    for (int c = 0; c < table->count; c++)
        width += table->widths[c];
    return width;
}

/* The widest of the columns that may give way, or -1. */
static int widest(const struct table *table)
{
    int found = -1;

    for (int c = 0; c < table->count; c++)
        if (table->columns[c].may_cut && table->widths[c] > LEAST_CUT &&
            (found < 0 || table->widths[c] > table->widths[found]))
            found = c;
    return found;
}

/* First some columns give way, then the last ones are left out. */
static void fit(struct table *table)
{
    int width = table->look->term.width, column;

    if (!table->look->term.tty)
        return;
    while (total(table) > width && (column = widest(table)) >= 0)
        table->widths[column]--;
    while (total(table) > width && table->count > 1)
        table->count--;
}

static void spaces(int count, FILE *out)
{
    fprintf(out, "%*s", count > 0 ? count : 0, "");
}

/* One cell in its column; the last one of a line is not filled up. */
static void print_cell(const struct table *table, int column, const char *text,
                       enum colour colour, FILE *out)
{
    const struct term *term = &table->look->term;
    char *shown = term_clip(NULL, text, term->tty ? table->widths[column] : 0);
    int rest = table->widths[column] - term_columns(shown);
    bool right = to_the_right(table->columns[column].kind);

    if (right)
        spaces(rest, out);
    if (colour == PLAIN)
        fputs(shown, out);
    else
        fprintf(out, "%s%s%s", term_colour(term, colour), shown,
                term_colour(term, PLAIN));
    if (column + 1 < table->count)
        spaces((right ? 0 : rest) + GAP, out);
    talloc_free(shown);
}

static void print_row(const struct table *table, char *const *cells, FILE *out)
{
    for (int c = 0; c < table->count; c++)
        print_cell(table, c, cells[c],
                   table->columns[c].kind == CELL_WORD
                       ? term_colour_of(cells[c])
                       : PLAIN,
                   out);
    fputc('\n', out);
}

static void print_table(const struct table *table, FILE *out)
{
    for (int c = 0; c < table->count; c++)
        print_cell(table, c, table->columns[c].title, BOLD, out);
    fputc('\n', out);
    for (int r = 0; r < table->rows; r++)
        print_row(table, table->cells + r * table->stride, out);
}

void table_print(const struct look *look, const json_t *rows,
                 const struct column *columns, size_t count, FILE *out)
{
    struct table *table = fill(NULL, look, rows, columns, count);

    fit(table);
    print_table(table, out);
    talloc_free(table);
}

/* The value of a line of a record; objects over several lines. */
static char *record_value(void *mem, const struct look *look,
                          const json_t *object, const struct column *column)
{
    const json_t *value = pick(object, column->member);

    if (column->kind == CELL_TEXT && !pick_is_words(value) &&
        json_object_size(value) + json_array_size(value) > 0)
        return pick_pretty(mem, value);
    return cell_text(mem, look, object, column);
}

static void print_indented(const char *text, int indent, FILE *out)
{
    for (; *text; text++) {
        fputc(*text, out);
        if (*text == '\n')
            spaces(indent, out);
    }
    fputc('\n', out);
}

void record_print(const struct look *look, const json_t *object,
                  const struct column *columns, size_t count, FILE *out)
{
    int width = 0;

    for (size_t i = 0; i < count; i++)
        if (pick(object, columns[i].member) &&
            term_columns(columns[i].title) > width)
            width = term_columns(columns[i].title);
    for (size_t i = 0; i < count; i++) {
        void *mem = talloc_new(NULL);

        if (pick(object, columns[i].member)) {
            char *text =
                term_clean(mem, record_value(mem, look, object, &columns[i]));

            fprintf(out, "%s%-*s%s  ", term_colour(&look->term, BOLD), width,
                    columns[i].title, term_colour(&look->term, PLAIN));
            print_indented(text, width + 2, out);
        }
        talloc_free(mem);
    }
}
