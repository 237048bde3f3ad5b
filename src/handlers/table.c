#include "table.h"
#include "sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

struct table {
    int fd;
    uint64_t file_size;
    struct csv *csv; /* NULL: a workbook */
    struct book *book;
    const struct book_sheet *which;
    struct sheet *sheet;
};

static ssize_t read_fd(void *arg, char *buf, size_t size)
{
    const struct table *table = arg;

    return read(table->fd, buf, size);
}

static int table_close(struct table *table)
{
    if (table->fd >= 0)
        close(table->fd);
    return 0;
}

static bool open_file(struct table *table, const char *path, struct fault *err)
{
    struct stat info = {0};

    table->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (table->fd < 0 || fstat(table->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fault_set(
            err, FAULT_NO_INPUT, "no_input", "cannot read the input file: %s",
            table->fd < 0 ? strerror(errno) : "it is no regular file");
    table->file_size = (uint64_t)info.st_size;
    return true;
}

static bool refuse_option(const char *option, const char *what,
                          struct fault *err)
{
    return fault_set(err, FAULT_USAGE, "invalid_payload",
                     "payload: \"%s\" is only for %s", option, what);
}

static bool open_csv(struct table *table, const struct options *options,
                     struct fault *err)
{
    if (options->sheet || options->sheet_position)
        return refuse_option("sheet", "workbooks, and the file is none", err);
    table->csv = csv_open(table, read_fd, table, options->delimiter, err);
    return table->csv != NULL;
}

static bool open_book(struct table *table, const char *path,
                      const struct options *options, struct fault *err)
{
    table->book = book_open(table, path, err);
    if (!table->book)
        return false;
    if (options->delimiter)
        return refuse_option("delimiter", "CSV, and the file is a workbook",
                             err);
    table->which =
        book_find(table->book, options->sheet, options->sheet_position, err);
    if (!table->which)
        return false;
    table->sheet = sheet_open(table, table->book, table->which, err);
    return table->sheet != NULL;
}

struct table *table_open(void *mem, const char *path,
                         const struct options *options, struct fault *err)
{
    struct table *table = talloc_zero(mem, struct table);

    talloc_set_destructor(table, table_close);
    if (open_file(table, path, err) &&
        (book_is_one(path) ? open_book(table, path, options, err)
                           : open_csv(table, options, err)))
        return table;
    talloc_free(table);
    return NULL;
}

enum csv_step table_next(struct table *table, struct csv_record *ret,
                         struct fault *err)
{
    return table->csv ? csv_next(table->csv, ret, err)
                      : sheet_next(table->sheet, ret, err);
}

uint64_t table_bytes(const struct table *table)
{
    return table->csv ? csv_bytes(table->csv) : sheet_bytes(table->sheet);
}

uint64_t table_size(const struct table *table)
{
    return table->csv ? table->file_size : sheet_size(table->sheet);
}

char table_decimal(const struct table *table)
{
    /* Where ; separates the fields, a comma is the decimal point. */
    return table->csv && csv_delimiter(table->csv) == ';' ? ',' : '.';
}

const char *table_what(const struct table *table)
{
    return table->csv ? "file" : "sheet";
}

static const char **sheet_names(void *mem, const struct book *book)
{
    const char **names =
        talloc_zero_array(mem, const char *, (unsigned)book->count + 1);

    for (size_t i = 0; i < book->count; i++)
        names[i] = talloc_strdup(names, book->sheets[i].name);
    return names;
}

void table_describe(const struct table *table, struct analysis *ret)
{
    ret->bytes = table->file_size;
    if (table->csv) {
        ret->bytes = csv_bytes(table->csv);
        ret->delimiter = csv_delimiter(table->csv);
        ret->bom = csv_has_bom(table->csv);
        return;
    }
    ret->sheet = talloc_strdup(ret, table->which->name);
    ret->sheets = sheet_names(ret, table->book);
    ret->formulas_without_value = sheet_formulas_without_value(table->sheet);
}
