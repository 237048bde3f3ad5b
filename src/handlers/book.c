#include "book.h"
#include "book_foreign.h"
#include "book_parts.h"
#include "markup.h"

#include <string.h>
#include <talloc.h>

struct reading {
    struct book *book;
    const struct relations *relations;
};

static bool is_true(const char *text)
{
    return text && (!strcmp(text, "1") || !strcmp(text, "true"));
}

static void add_sheet(struct reading *in, const char **attributes)
{
    struct book *book = in->book;
    const char *name = markup_attribute(attributes, "name");
    const char *state = markup_attribute(attributes, "state");
    const struct relation *at =
        relations_by_id(in->relations, markup_attribute(attributes, "id"));

    if (!name || book->count == BOOK_MOST_SHEETS)
        return;
    book->sheets = talloc_realloc(book, book->sheets, struct book_sheet,
                                  (unsigned)book->count + 1);
    book->sheets[book->count++] = (struct book_sheet){
        talloc_strdup(book, name),
        at && !strcmp(at->type, "worksheet") ? at->part : NULL,
        state && strcmp(state, "visible") != 0};
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct reading *in = arg;

    if (!strcmp(name, "workbookPr"))
        in->book->since_1904 =
            is_true(markup_attribute(attributes, "date1904"));
    else if (!strcmp(name, "sheet"))
        add_sheet(in, attributes);
}

static void on_end(void *arg, const char *name)
{
    (void)arg, (void)name;
}

static bool read_book(struct book *book, const char *part, struct fault *err)
{
    static const struct markup_handler handler = {on_start, on_end, NULL};
    struct relations relations = {0};
    struct reading in = {book, &relations};

    if (!relations_read(book, book->package, part, &relations, err) ||
        !markup_read(book, book->package, part, &handler, &in, err))
        return false;
    book->styles = styles_read(book, book->package,
                               relations_by_type(&relations, "styles"), err);
    if (!book->styles)
        return false;
    book->texts =
        texts_read(book, book->package,
                   relations_by_type(&relations, "sharedStrings"), err);
    return book->texts != NULL;
}

static bool find_and_read(struct book *book, struct fault *err)
{
    struct relations relations = {0};
    const char *part;

    if (!relations_read(book, book->package, "", &relations, err))
        return false;
    part = relations_by_type(&relations, "officeDocument");
    if (!book_foreign_package(book->package, part, err))
        return false;
    return read_book(book, part, err);
}

struct book *book_open_package(void *mem, struct package *package,
                               struct fault *err)
{
    struct book *book = talloc_zero(mem, struct book);

    book->package = talloc_steal(book, package);
    if (find_and_read(book, err))
        return book;
    talloc_free(book);
    return NULL;
}

struct book *book_open(void *mem, const char *path, struct fault *err)
{
    struct package *package;

    if (!book_foreign_file(path, err))
        return NULL;
    package = package_open(mem, path, err);
    return package ? book_open_package(mem, package, err) : NULL;
}

/* "Jan", "Feb", …, as many as the message has room for. */
static const char *names_of(void *mem, const struct book *book)
{
    char *names = talloc_strdup(mem, "");

    for (size_t i = 0; i < book->count && strlen(names) < 150; i++)
        if (book->sheets[i].part)
            names = talloc_asprintf_append(
                names, "%s\"%.40s\"", *names ? ", " : "", book->sheets[i].name);
    return names;
}

static bool refuse_sheet(const struct book *book, const char *name,
                         size_t position, struct fault *err)
{
    void *mem = talloc_new(NULL);
    const char *wanted = name ? talloc_asprintf(mem, "\"%.60s\"", name)
                         : position
                             ? talloc_asprintf(mem, "number %zu", position)
                             : "with cells";

    fault_set(err, FAULT_DATA, "unknown_sheet",
              "the workbook has no sheet %s; there are: %s", wanted,
              names_of(mem, book));
    talloc_free(mem);
    return false;
}

static bool is_wanted(const struct book *book, size_t at, const char *name,
                      size_t position)
{
    const struct book_sheet *sheet = &book->sheets[at];

    if (name)
        return !strcmp(sheet->name, name);
    return position ? at + 1 == position : !sheet->hidden;
}

const struct book_sheet *book_find(const struct book *book, const char *name,
                                   size_t position, struct fault *err)
{
    for (size_t i = 0; i < book->count; i++)
        if (book->sheets[i].part && is_wanted(book, i, name, position))
            return &book->sheets[i];
    refuse_sheet(book, name, position, err);
    return NULL;
}
