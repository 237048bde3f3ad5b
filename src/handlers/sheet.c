#include "sheet.h"
#include "cell.h"
#include "markup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* A column's text: in the row's own bytes, or among the shared ones. */
struct slot {
    const char *shared; /* NULL: at `at` in the row's bytes */
    size_t at, len;
};

struct sheet {
    const struct book *book;
    struct part *part;
    struct markup *markup;
    bool in_data, done;

    struct slot *slots;
    struct csv_field *fields;
    size_t used, width; /* columns of this row so far, and of the header */
    char *bytes;        /* texts of the row in hand */
    size_t len, room;

    uint64_t line, row; /* of the row in hand: in the sheet, as a record */
    struct cell cell;
    size_t column; /* of the cell in hand, from 1 */
    bool in_value;
    int phonetic;
    uint64_t without_value;
};

/* ------------------------------------------------------------ faults */

static void __attribute__((format(printf, 3, 4)))
complain(struct sheet *sheet, const char *code, const char *fmt, ...)
{
    struct fault *fault = markup_fail(sheet->markup);
    char name[CELL_COLUMN], what[300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    fault_set(fault, FAULT_DATA, code, "row %" PRIu64 ", column %s: %s",
              sheet->line, cell_column_name(sheet->column, name), what);
    fault->row = sheet->row;
    fault->line = sheet->line;
    fault->column = sheet->column;
}

/* ------------------------------------------------------------ cells */

static bool add_bytes(struct sheet *sheet, const char *text, size_t len)
{
    if (sheet->len - sheet->cell.at + len > CSV_MAX_FIELD) {
        complain(sheet, "field_too_large", "the text is larger than 1 MiB");
        return false;
    }
    if (sheet->len + len > CSV_MAX_RECORD) {
        complain(sheet, "record_too_large", "the row is larger than 8 MiB");
        return false;
    }
    while (sheet->room < sheet->len + len) {
        sheet->room *= 2;
        sheet->bytes = talloc_realloc_size(sheet, sheet->bytes, sheet->room);
    }
    memcpy(sheet->bytes + sheet->len, text, len);
    sheet->len += len;
    return true;
}

static void begin_row(struct sheet *sheet, const char **attributes)
{
    sheet->line = cell_row(markup_attribute(attributes, "r"), sheet->line + 1);
    sheet->used = sheet->len = sheet->column = 0;
    sheet->cell.open = false;
}

static void begin_cell(struct sheet *sheet, const char **attributes)
{
    size_t before = sheet->column;

    cell_begin(&sheet->cell, attributes, sheet->len);
    sheet->column = cell_column(markup_attribute(attributes, "r"), before + 1);
    if (sheet->column <= before)
        complain(sheet, "broken_workbook",
                 "the cells of this row are not in their order");
}

/* The place of a shared text; false where it is not one of them. */
static bool find_shared(struct sheet *sheet, struct slot *slot)
{
    size_t place = cell_number_of_text(sheet->bytes + sheet->cell.at,
                                       sheet->len - sheet->cell.at);

    sheet->len = sheet->cell.at;
    if (texts_get(sheet->book->texts, place, &slot->shared, &slot->len))
        return true;
    complain(sheet, "broken_workbook",
             "the cell's text is not in the workbook's list of texts");
    return false;
}

/* The number in hand becomes what it shows. */
static bool show_number(struct sheet *sheet)
{
    char text[SERIAL_TEXT];
    size_t len =
        cell_show(sheet->bytes + sheet->cell.at, sheet->len - sheet->cell.at,
                  styles_kind(sheet->book->styles, sheet->cell.style),
                  sheet->book->since_1904, text);

    if (len == 0)
        return true; /* no number: as it stands */
    sheet->len = sheet->cell.at;
    return add_bytes(sheet, text, len);
}

static bool show_flag(struct sheet *sheet)
{
    bool on = sheet->bytes[sheet->cell.at] == '1';

    sheet->len = sheet->cell.at;
    return add_bytes(sheet, on ? "true" : "false", on ? 4 : 5);
}

static bool finish_text(struct sheet *sheet, struct slot *slot)
{
    switch (sheet->cell.type) {
    case CELL_SHARED:
        return find_shared(sheet, slot);
    case CELL_FLAG:
        return show_flag(sheet);
    case CELL_NUMBER:
        return show_number(sheet);
    default:
        return true;
    }
}

static bool check_column(struct sheet *sheet)
{
    char last[CELL_COLUMN];

    if (sheet->column > CSV_MAX_COLUMNS) {
        complain(sheet, "too_many_columns", "there are more than %d columns",
                 CSV_MAX_COLUMNS);
        return false;
    }
    if (sheet->width > 0 && sheet->column > sheet->width) {
        complain(
            sheet, "field_count",
            "there is a value, but the header ends in column %s. The sheet "
            "must have one table, with its names in the first row",
            cell_column_name(sheet->width, last));
        return false;
    }
    return true;
}

/* Columns up to here; those that were passed over are empty. */
static void put(struct sheet *sheet, const struct slot *slot)
{
    memset(sheet->slots + sheet->used, 0,
           (sheet->column - 1 - sheet->used) * sizeof(*slot));
    sheet->slots[sheet->column - 1] = *slot;
    sheet->used = sheet->column;
}

static void end_cell(struct sheet *sheet)
{
    struct slot slot = {.at = sheet->cell.at};

    sheet->cell.open = false;
    if (sheet->len == sheet->cell.at) {
        sheet->without_value += sheet->cell.has_formula;
        return;
    }
    if (!finish_text(sheet, &slot))
        return;
    if (!slot.shared)
        slot.len = sheet->len - slot.at;
    if (slot.len > 0 && check_column(sheet))
        put(sheet, &slot);
}

/* ------------------------------------------------------------ elements */

static bool is_value(const struct sheet *sheet, const char *name)
{
    if (sheet->cell.type == CELL_INLINE)
        return !strcmp(name, "t") && sheet->phonetic == 0;
    return !strcmp(name, "v");
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct sheet *sheet = arg;

    if (!strcmp(name, "sheetData"))
        sheet->in_data = true;
    else if (!sheet->in_data)
        return;
    else if (!strcmp(name, "row"))
        begin_row(sheet, attributes);
    else if (!strcmp(name, "c"))
        begin_cell(sheet, attributes);
    else if (!strcmp(name, "f"))
        sheet->cell.has_formula = true;
    else if (!strcmp(name, "rPh"))
        sheet->phonetic++;
    else
        sheet->in_value = sheet->cell.open && is_value(sheet, name);
}

static void on_end(void *arg, const char *name)
{
    struct sheet *sheet = arg;

    sheet->in_value = false;
    if (!sheet->in_data)
        return;
    if (!strcmp(name, "sheetData"))
        sheet->in_data = false;
    else if (!strcmp(name, "rPh"))
        sheet->phonetic--;
    else if (!strcmp(name, "c") && sheet->cell.open)
        end_cell(sheet);
    else if (!strcmp(name, "row") && sheet->used > 0)
        markup_pause(sheet->markup);
}

static void on_text(void *arg, const char *text, size_t len)
{
    struct sheet *sheet = arg;

    if (sheet->in_value)
        add_bytes(sheet, text, len);
}

/* ------------------------------------------------------------ rows */

struct sheet *sheet_open(void *mem, const struct book *book,
                         const struct book_sheet *which, struct fault *err)
{
    static const struct markup_handler handler = {on_start, on_end, on_text};
    struct sheet *sheet = talloc_zero(mem, struct sheet);

    sheet->book = book;
    sheet->room = 4096;
    sheet->bytes = talloc_size(sheet, sheet->room);
    sheet->slots = talloc_array(sheet, struct slot, CSV_MAX_COLUMNS);
    sheet->fields = talloc_array(sheet, struct csv_field, CSV_MAX_COLUMNS);
    sheet->part = part_open(sheet, book->package, which->part, err);
    if (!sheet->part) {
        talloc_free(sheet);
        return NULL;
    }
    sheet->markup = markup_new(sheet, sheet->part, &handler, sheet);
    return sheet;
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] >= 0x80)
            return false;
    return true;
}

static void make_fields(struct sheet *sheet)
{
    if (sheet->width == 0)
        sheet->width = sheet->used;
    memset(sheet->slots + sheet->used, 0,
           (sheet->width - sheet->used) * sizeof(*sheet->slots));
    for (size_t i = 0; i < sheet->width; i++) {
        const struct slot *slot = &sheet->slots[i];
        const char *text =
            slot->shared ? slot->shared : sheet->bytes + slot->at;

        sheet->fields[i] = (struct csv_field){
            .text = text, .len = slot->len, .ascii = is_ascii(text, slot->len)};
    }
}

enum csv_step sheet_next(struct sheet *sheet, struct csv_record *ret,
                         struct fault *err)
{
    switch (sheet->done ? MARKUP_END : markup_run(sheet->markup, err)) {
    case MARKUP_PAUSED:
        make_fields(sheet);
        *ret = (struct csv_record){.fields = sheet->fields,
                                   .count = sheet->width,
                                   .row = sheet->row++,
                                   .line = sheet->line};
        return CSV_ROW;
    case MARKUP_END:
        sheet->done = true;
        return CSV_END;
    default:
        return CSV_FAILED;
    }
}

uint64_t sheet_bytes(const struct sheet *sheet)
{
    return part_bytes(sheet->part);
}

uint64_t sheet_size(const struct sheet *sheet)
{
    return part_size(sheet->part);
}

uint64_t sheet_formulas_without_value(const struct sheet *sheet)
{
    return sheet->without_value;
}
