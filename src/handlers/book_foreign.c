#include "book_foreign.h"
#include "book.h"

#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* What older Office programs write, and newer ones for what is encrypted. */
static const char ole[] = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
static const char zip[] = "PK\003\004";

/* The names of the streams within, in UTF-16. */
static const char encrypted[] =
    "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e";
static const char workbook_stream[] = "W\0o\0r\0k\0b\0o\0o\0k";
static const char book_stream[] = "B\0o\0o\0k\0\0\0";

enum { HEAD = 8 };

static size_t read_head(const char *path, char head[HEAD])
{
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(head, 1, HEAD, file) : 0;

    if (file)
        fclose(file);
    return got;
}

bool book_is_one(const char *path)
{
    char head[HEAD];
    size_t got = read_head(path, head);

    return (got >= strlen(zip) && !memcmp(head, zip, strlen(zip))) ||
           (got >= strlen(ole) && !memcmp(head, ole, strlen(ole)));
}

/* Which of the streams is named anywhere in the file. */
struct found {
    bool encrypted, workbook;
};

static void look(const char *bytes, size_t len, struct found *found)
{
    found->encrypted |=
        memmem(bytes, len, encrypted, sizeof(encrypted)) != NULL;
    found->workbook |=
        memmem(bytes, len, workbook_stream, sizeof(workbook_stream)) ||
        memmem(bytes, len, book_stream, sizeof(book_stream));
}

static void look_at_all(const char *path, struct found *found)
{
    char buf[64 * 1024];
    size_t kept = 0, got;
    FILE *file = fopen(path, "re");

    while (file && (got = fread(buf + kept, 1, sizeof(buf) - kept, file)) > 0) {
        look(buf, kept + got, found);
        got += kept;
        kept = got < sizeof(encrypted) ? got : sizeof(encrypted);
        memmove(buf, buf + got - kept, kept);
    }
    if (file)
        fclose(file);
}

bool book_foreign_file(const char *path, struct fault *err)
{
    char head[HEAD];
    struct found found = {0};

    if (read_head(path, head) < HEAD || memcmp(head, ole, strlen(ole)) != 0)
        return true;
    look_at_all(path, &found);
    if (found.encrypted)
        return fault_set(err, FAULT_DATA, "encrypted_file",
                         "the workbook is encrypted: save it without a "
                         "password");
    if (found.workbook)
        return fault_set(err, FAULT_DATA, "old_workbook",
                         "the file is a workbook of Excel 97 to 2003 (XLS): "
                         "save it as XLSX or CSV");
    return fault_set(err, FAULT_DATA, "unknown_format",
                     "the file is a document of an old Office program: save "
                     "it as XLSX or CSV");
}

static bool has_mimetype(struct package *package, const char *wanted)
{
    struct fault ignored;
    struct part *part = part_open(NULL, package, "mimetype", &ignored);
    char text[100] = "";

    if (part)
        part_read(part, text, sizeof(text) - 1, &ignored);
    talloc_free(part);
    return strstr(text, wanted) != NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);

    return len >= tail && !strcmp(text + len - tail, end);
}

bool book_foreign_package(struct package *package, const char *workbook,
                          struct fault *err)
{
    const char *what = "a ZIP archive";

    if (workbook && ends_with(workbook, ".bin"))
        what = "a binary workbook (XLSB)";
    else if (workbook && ends_with(workbook, "document.xml"))
        what = "a DOCX document";
    else if (workbook && ends_with(workbook, "presentation.xml"))
        what = "a PPTX presentation";
    else if (workbook)
        return true;
    else if (has_mimetype(package, "opendocument.spreadsheet"))
        what = "an OpenDocument spreadsheet (ODS)";
    return fault_set(err, FAULT_DATA, "unknown_format",
                     "the file is %s, and no XLSX workbook: save it as XLSX or "
                     "CSV",
                     what);
}
