#include "csv.h"
#include "csv_guess.h"
#include "utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

enum {
    BUFFER = CSV_MAX_RECORD + CSV_PIECE,
    HEAD = CSV_PIECE / 4, /* looked at to guess the delimiter */
};

/*
 * The record in hand lies in buf[start..end) and is unquoted in place; more
 * bytes are read behind it. buf never grows: pages that short records do not
 * reach are never touched.
 */
struct csv {
    csv_read_fn *read;
    void *arg;
    char *buf;
    size_t start; /* first byte of the record in hand */
    size_t field; /* first byte of the field in hand */
    size_t out;   /* where the next byte of a quoted field goes */
    size_t pos;   /* next byte to look at */
    size_t end;   /* behind the last byte read */
    bool eof;

    char delimiter;
    bool bom;
    uint8_t ends_plain[256];  /* bytes that an unquoted field stops at */
    uint8_t ends_quoted[256]; /* the same inside quotes */

    uint64_t bytes;
    uint64_t row, line; /* of the record in hand */
    uint64_t now_line;  /* of pos */
    size_t width;       /* columns of the header, 0 before it */
    size_t count;       /* fields of the record so far */
    struct csv_field *fields;
    struct fault fault; /* the first one ends everything */
};

/* Note what is wrong, with its place in front. */
static bool __attribute__((format(printf, 3, 4)))
complain(struct csv *csv, const char *code, const char *fmt, ...)
{
    struct fault *f = &csv->fault;
    char place[100];
    int len;
    va_list args;

    if (f->status)
        return false;
    if (csv->row == 0)
        snprintf(place, sizeof(place), "header");
    else
        snprintf(place, sizeof(place), "row %" PRIu64, csv->row);
    fault_set(f, FAULT_DATA, code, "%s (line %" PRIu64 "), column %zu: ", place,
              csv->line, csv->count + 1);
    f->row = csv->row;
    f->line = csv->line;
    f->column = csv->count + 1;
    len = (int)strlen(f->text);
    va_start(args, fmt);
    vsnprintf(f->text + len, sizeof(f->text) - (size_t)len, fmt, args);
    va_end(args);
    return false;
}

static void to_front(struct csv *csv)
{
    size_t by = csv->start;

    memmove(csv->buf, csv->buf + by, csv->end - by);
    for (size_t i = 0; i < csv->count; i++)
        csv->fields[i].text -= by;
    csv->start = 0;
    csv->field -= by;
    csv->out -= by;
    csv->pos -= by;
    csv->end -= by;
}

/* Read behind end. False at the end of the file and on failure. */
static bool fill(struct csv *csv)
{
    ssize_t got;
    size_t room;

    if (csv->eof || csv->fault.status)
        return false;
    if (csv->start > 0)
        to_front(csv);
    room = BUFFER - csv->end;
    do {
        got = csv->read(csv->arg, csv->buf + csv->end,
                        room < CSV_PIECE ? room : CSV_PIECE);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return fault_set(&csv->fault, FAULT_RETRY, "input_failed",
                         "cannot read the input file: %s", strerror(errno));
    csv->eof = got == 0;
    csv->end += (size_t)got;
    csv->bytes += (uint64_t)got;
    return got > 0;
}

static bool have_byte(struct csv *csv)
{
    return csv->pos < csv->end || fill(csv);
}

/* Sizes as the file has them, with the quotes. A read may pass both limits at
 * once; the fault is the one that comes first in the file. */
static bool check_size(struct csv *csv)
{
    size_t field_end = csv->field + CSV_MAX_FIELD;
    size_t record_end = csv->start + CSV_MAX_RECORD;

    if (csv->pos > field_end && field_end <= record_end)
        return complain(
            csv, "field_too_large", "the field is larger than 1 MiB%s",
            csv->buf[csv->field] == '"' ? "; is its closing quote missing?"
                                        : "");
    if (csv->pos > record_end)
        return complain(csv, "record_too_large",
                        "the record is larger than 8 MiB");
    return true;
}

/* Skip to the next byte that stops says; seen collects the bits passed. */
static bool scan(struct csv *csv, const uint8_t *stops, uint8_t *seen)
{
    while (have_byte(csv)) {
        const uint8_t *buf = (const uint8_t *)csv->buf;
        const uint8_t *p = buf + csv->pos, *end = buf + csv->end;
        uint8_t bits = 0;

        while (p < end && !stops[*p])
            bits |= *p++;
        *seen |= bits;
        csv->pos = (size_t)(p - buf);
        if (!check_size(csv))
            return false;
        if (p < end)
            return true;
    }
    return false;
}

/* Append buf[from..pos) to the quoted field in hand. */
static void keep(struct csv *csv, size_t len)
{
    size_t from = csv->pos - len;

    if (csv->out != from)
        memmove(csv->buf + csv->out, csv->buf + from, len);
    csv->out += len;
}

static bool add_field(struct csv *csv, size_t from, size_t to, bool quoted,
                      uint8_t seen)
{
    struct csv_field *field = &csv->fields[csv->count];

    if (csv->fault.status)
        return false;
    *field = (struct csv_field){.text = csv->buf + from,
                                .len = to - from,
                                .quoted = quoted,
                                .ascii = seen < 0x80};
    if (!field->ascii && !utf8_valid(field->text, field->len))
        return complain(csv, "invalid_utf8",
                        "the text is not valid UTF-8 (save the file as UTF-8)");
    csv->count++;
    return true;
}

static bool read_plain(struct csv *csv)
{
    uint8_t seen = 0;

    csv->field = csv->out = csv->pos;
    if (scan(csv, csv->ends_plain, &seen) && csv->buf[csv->pos] == 0)
        return complain(csv, "nul_byte", "there is a NUL byte in the text");
    return add_field(csv, csv->field, csv->pos, false, seen);
}

/* Behind a quote: true if it was doubled, and so is text. */
static bool take_doubled(struct csv *csv)
{
    if (!have_byte(csv) || csv->buf[csv->pos] != '"')
        return false;
    csv->pos++;
    keep(csv, 1);
    return true;
}

/* From behind the opening quote to behind the closing one. */
static bool read_quoted_text(struct csv *csv, uint8_t *seen)
{
    uint64_t opened = csv->now_line;

    for (;;) {
        /* The length, not a place: a fill may move the bytes. */
        size_t before = csv->pos - csv->start;
        bool stopped = scan(csv, csv->ends_quoted, seen);

        keep(csv, csv->pos - csv->start - before);
        if (!stopped)
            return complain(
                csv, "open_quote",
                "the quote opened on line %" PRIu64 " is never closed", opened);
        switch (csv->buf[csv->pos++]) {
        case '"':
            if (!take_doubled(csv))
                return true;
            break;
        case '\n':
            csv->now_line++;
            keep(csv, 1);
            break;
        default:
            return complain(csv, "nul_byte", "there is a NUL byte in the text");
        }
    }
}

static bool read_quoted(struct csv *csv)
{
    uint8_t seen = 0;

    csv->field = csv->pos++;
    csv->out = csv->pos;
    if (!read_quoted_text(csv, &seen))
        return false;
    if (have_byte(csv) && !csv->ends_plain[(uint8_t)csv->buf[csv->pos]])
        return complain(csv, "text_after_quote",
                        "there is text after the closing quote");
    return add_field(csv, csv->field + 1, csv->out, true, seen);
}

/* Over LF, CR or CRLF. */
static void take_line_end(struct csv *csv)
{
    if (csv->buf[csv->pos++] == '\r' && have_byte(csv) &&
        csv->buf[csv->pos] == '\n')
        csv->pos++;
    csv->now_line++;
}

/* Read the fields up to the end of the record, and over it. */
static bool read_record(struct csv *csv)
{
    csv->start = csv->field = csv->pos;
    csv->count = 0;
    csv->line = csv->now_line;
    for (;;) {
        if (csv->count == CSV_MAX_COLUMNS)
            return complain(csv, "too_many_columns",
                            "there are more than %d columns", CSV_MAX_COLUMNS);
        if (have_byte(csv) && csv->buf[csv->pos] == '"') {
            if (!read_quoted(csv))
                return false;
        } else if (!read_plain(csv)) {
            return false;
        }
        if (!have_byte(csv))
            return true;
        if (csv->buf[csv->pos] == 0)
            return complain(csv, "nul_byte", "there is a NUL byte");
        if (csv->buf[csv->pos] != csv->delimiter) {
            take_line_end(csv);
            return true;
        }
        csv->pos++;
    }
}

static bool is_blank(const struct csv *csv)
{
    return csv->count == 1 && csv->fields[0].len == 0 && !csv->fields[0].quoted;
}

/* The header fixes the width; the rows have to keep it. */
static bool check_width(struct csv *csv)
{
    size_t count = csv->count;

    if (csv->width == 0)
        csv->width = count;
    if (count == csv->width)
        return true;
    csv->count = count < csv->width ? count : csv->width;
    return complain(csv, "field_count",
                    "the row has %zu field%s, the header has %zu", count,
                    count == 1 ? "" : "s", csv->width);
}

/* One record that is not an empty line. False also at the end. */
static bool next_record(struct csv *csv)
{
    do {
        csv->start = csv->field = csv->pos;
        csv->count = 0;
        csv->line = csv->now_line;
        if (!have_byte(csv) || !read_record(csv))
            return false;
    } while (is_blank(csv) && csv->width != 1);
    return check_width(csv);
}

enum csv_step csv_next(struct csv *csv, struct csv_record *ret,
                       struct fault *err)
{
    bool found = next_record(csv);

    if (csv->fault.status) {
        *err = csv->fault;
        return CSV_FAILED;
    }
    if (!found)
        return CSV_END;
    *ret = (struct csv_record){.fields = csv->fields,
                               .count = csv->count,
                               .row = csv->row++,
                               .line = csv->line};
    return CSV_ROW;
}

/* Fixed, so that guesses do not depend on how the bytes come in. */
static size_t head_size(const struct csv *csv)
{
    return csv->end < HEAD ? csv->end : HEAD;
}

/* Fill the buffer far enough for a look at the beginning. */
static bool read_head(struct csv *csv, struct fault *err)
{
    const char *foreign;

    while (csv->end < HEAD && fill(csv))
        continue;
    if (csv->fault.status) {
        *err = csv->fault;
        return false;
    }
    foreign = csv_guess_foreign(csv->buf, head_size(csv));
    if (foreign)
        return fault_set(err, FAULT_DATA, "not_csv",
                         "the file is no CSV: it looks like %s", foreign);
    csv->bom = csv->end >= 3 && !memcmp(csv->buf, "\xEF\xBB\xBF", 3);
    csv->pos = csv->bom ? 3 : 0;
    return true;
}

static void set_stops(struct csv *csv)
{
    csv->ends_plain[(uint8_t)csv->delimiter] = 1;
    csv->ends_plain['\n'] = csv->ends_plain['\r'] = csv->ends_plain[0] = 1;
    csv->ends_quoted['"'] = csv->ends_quoted['\n'] = csv->ends_quoted[0] = 1;
}

struct csv *csv_open(void *mem, csv_read_fn *read, void *arg, char delimiter,
                     struct fault *err)
{
    struct csv *csv = talloc_zero(mem, struct csv);

    csv->read = read;
    csv->arg = arg;
    csv->buf = talloc_size(csv, BUFFER);
    csv->fields = talloc_array(csv, struct csv_field, CSV_MAX_COLUMNS);
    csv->now_line = 1;
    if (!read_head(csv, err)) {
        talloc_free(csv);
        return NULL;
    }
    csv->delimiter = delimiter ? delimiter
                               : csv_guess_delimiter(csv->buf + csv->pos,
                                                     head_size(csv) - csv->pos);
    set_stops(csv);
    return csv;
}

char csv_delimiter(const struct csv *csv)
{
    return csv->delimiter;
}

bool csv_has_bom(const struct csv *csv)
{
    return csv->bom;
}

uint64_t csv_bytes(const struct csv *csv)
{
    return csv->bytes;
}
