/* A workbook (XLSX): which sheets it has, and where its parts are. */
#ifndef HANDLERS_BOOK_H
#define HANDLERS_BOOK_H

#include "styles.h"
#include "texts.h"

enum { BOOK_MOST_SHEETS = 1000 };

struct book_sheet {
    const char *name;
    const char *part; /* NULL: a sheet of something else than cells */
    bool hidden;
};

struct book {
    struct package *package;
    struct book_sheet *sheets;
    size_t count;
    bool since_1904;
    struct styles *styles;
    struct texts *texts;
};

/*
 * Whether a file is none that a CSV could be, but a ZIP or a file of old Excel:
 * then book_open() takes it, or says what it is. Its first bytes tell.
 */
bool book_is_one(const char *path);

/* On the talloc context mem; NULL on failure. */
struct book *book_open(void *mem, const char *path, struct fault *err);
struct book *book_open_package(void *mem, struct package *package,
                               struct fault *err);

/* By its name, else by its position from 1, else (NULL, 0) the first that is
 * shown. NULL: there is none, and the fault says which there are. */
const struct book_sheet *book_find(const struct book *book, const char *name,
                                   size_t position, struct fault *err);

#endif
