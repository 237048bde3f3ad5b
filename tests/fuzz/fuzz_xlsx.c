/*
 * Any bytes as a workbook: as the ZIP file itself, or ("P" first) as the texts
 * of its parts, NUL between them: sheet, shared texts, styles, workbook. The
 * reader keeps within its memory, and gives rows of one width.
 */
#include "sheet.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define ROOT                                                                   \
    "<Relationships><Relationship Id='1' Type='/officeDocument' "              \
    "Target='w'/></Relationships>"
#define LINKS                                                                  \
    "<Relationships><Relationship Id='1' Type='/worksheet' Target='s'/>"       \
    "<Relationship Id='2' Type='/sharedStrings' Target='t'/>"                  \
    "<Relationship Id='3' Type='/styles' Target='f'/></Relationships>"
#define WORKBOOK "<w><sheet name='S' id='1'/></w>"

static void add(zip_t *zip, const char *name, const void *bytes, size_t len)
{
    zip_source_t *source = zip_source_buffer(zip, bytes, len, 0);
    zip_int64_t at = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);

    if (at < 0)
        abort();
    zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0);
}

/* The part of the input up to the next NUL. */
static size_t take(const uint8_t **data, size_t *size, const uint8_t **ret)
{
    const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
    size_t len = end ? (size_t)(end - *data) : *size;

    *ret = *data;
    *data += len + (end != NULL);
    *size -= len + (end != NULL);
    return len;
}

static void add_parts(zip_t *zip, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"s", "t", "f"};
    const uint8_t *part;
    size_t len;

    add(zip, "_rels/.rels", ROOT, strlen(ROOT));
    add(zip, "_rels/w.rels", LINKS, strlen(LINKS));
    for (int i = 0; i < 3; i++) {
        len = take(&data, &size, &part);
        if (len > 0)
            add(zip, names[i], part, len);
    }
    if (size > 0)
        add(zip, "w", data, size);
    else
        add(zip, "w", WORKBOOK, strlen(WORKBOOK));
}

/* A ZIP file of them, in memory. */
static zip_source_t *make_zip(const uint8_t *data, size_t size)
{
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_t *zip = zip_open_from_source(source, ZIP_TRUNCATE, NULL);

    zip_source_keep(source);
    add_parts(zip, data, size);
    if (zip_close(zip) != 0)
        abort();
    return source;
}

static void read_sheet(void *mem, const struct book *book)
{
    struct fault err;
    const struct book_sheet *which = book_find(book, NULL, 0, &err);
    struct sheet *sheet = which ? sheet_open(mem, book, which, &err) : NULL;
    struct csv_record record;
    size_t width = 0;

    while (sheet && sheet_next(sheet, &record, &err) == CSV_ROW) {
        uint64_t sum = 0;

        if ((width && record.count != width) || record.count == 0)
            abort();
        width = record.count;
        for (size_t i = 0; i < width; i++)
            for (size_t k = 0; k < record.fields[i].len; k++)
                sum += (uint8_t)record.fields[i].text[k];
        (void)*(volatile uint64_t *)&sum;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *mem = talloc_new(NULL);
    struct package *package;
    struct book *book;
    struct fault err;

    package =
        package_open_source(mem,
                            size > 0 && *data == 'P'
                                ? make_zip(data + 1, size - 1)
                                : zip_source_buffer_create(data, size, 0, NULL),
                            &err);
    book = package ? book_open_package(mem, package, &err) : NULL;
    if (book)
        read_sheet(mem, book);
    talloc_free(mem);
    return 0;
}
