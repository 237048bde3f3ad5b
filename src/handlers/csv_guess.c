#include "csv_guess.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *bytes;
    size_t len;
    const char *what;
} signatures[] = {
    {"PK\003\004",       4,  "a ZIP archive"                       },
    {"PK\005\006",       4,  "an empty ZIP archive"                },
    {"%PDF-",            5,  "a PDF document"                      },
    {"\x89PNG",          4,  "a PNG image"                         },
    {"\xFF\xD8\xFF",     3,  "a JPEG image"                        },
    {"GIF8",             4,  "a GIF image"                         },
    {"\x1F\x8B",         2,  "a gzip file"                         },
    {"BZh91AY&SY",       10, "a bzip2 file"                        },
    {"\x28\xB5\x2F\xFD", 4,  "a Zstandard file"                    },
    {"\xFD"
     "7zXZ",        5,  "an xz file"                          },
    {"7z\xBC\xAF",       4,  "a 7-Zip archive"                     },
    {"\xD0\xCF\x11\xE0", 4,  "an old Excel or Word file (XLS, DOC)"},
    {"SQLite format 3",  15, "an SQLite database"                  },
    {"PAR1\x15",         5,  "a Parquet file"                      },
    {"\x7F"
     "ELF",         4,  "a program"                           },
    {"<!DOCTYPE",        9,  "an HTML page"                        },
    {"<!doctype",        9,  "an HTML page"                        },
    {"<html",            5,  "an HTML page"                        },
    {"<?xml",            5,  "an XML file"                         },
    {"{\\rtf",           5,  "an RTF document"                     },
    {"\xFF\xFE",         2,  "text in UTF-16 (save it as UTF-8)"   },
    {"\xFE\xFF",         2,  "text in UTF-16 (save it as UTF-8)"   },
};

static bool contains(const char *head, size_t len, const char *text)
{
    return memmem(head, len, text, strlen(text)) != NULL;
}

/* A ZIP archive names its members near its beginning. */
static const char *zip_kind(const char *head, size_t len)
{
    if (contains(head, len, "xl/"))
        return "an XLSX workbook (save it as CSV)";
    if (contains(head, len, "word/"))
        return "a DOCX document";
    if (contains(head, len, "opendocument.spreadsheet"))
        return "an ODS workbook (save it as CSV)";
    return "a ZIP archive";
}

const char *csv_guess_foreign(const char *head, size_t len)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(*signatures); i++) {
        if (len < signatures[i].len ||
            memcmp(head, signatures[i].bytes, signatures[i].len) != 0)
            continue;
        return i == 0 ? zip_kind(head, len) : signatures[i].what;
    }
    return NULL;
}

/* How one delimiter cuts the first records. */
struct cut {
    size_t records, least, most; /* delimiters a record */
};

static void cut_end(struct cut *cut, size_t count)
{
    cut->least = cut->records == 0 || count < cut->least ? count : cut->least;
    cut->most = count > cut->most ? count : cut->most;
    cut->records++;
}

enum { GUESS_RECORDS = 20 };

static struct cut cut_by(char delimiter, const char *head, size_t len)
{
    struct cut cut = {0};
    size_t count = 0, start = 0;
    bool quoted = false;

    for (size_t i = 0; i < len && cut.records < GUESS_RECORDS; i++) {
        if (head[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && head[i] == delimiter) {
            count++;
        } else if (!quoted && (head[i] == '\n' || head[i] == '\r')) {
            if (i > start) /* not an empty line */
                cut_end(&cut, count);
            count = 0;
            start = i + 1;
        }
    }
    if (cut.records == 0) /* one line without an end: what there is of it */
        cut_end(&cut, count);
    return cut;
}

/* An even cut beats any uneven one; then more columns beat fewer. */
static size_t cut_score(const struct cut *cut)
{
    return cut->least == cut->most ? cut->least << 32 : cut->least;
}

char csv_guess_delimiter(const char *head, size_t len)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    char best = candidates[0];
    size_t best_score = 0;

    for (size_t i = 0; i < sizeof(candidates); i++) {
        struct cut cut = cut_by(candidates[i], head, len);
        size_t score = cut_score(&cut);

        if (score > best_score) {
            best = candidates[i];
            best_score = score;
        }
    }
    return best;
}
