/*
 * The shared strings of a workbook: most of its texts stand in one list, and
 * cells name them by their place in it. They are kept in memory, up to a limit.
 */
#ifndef HANDLERS_TEXTS_H
#define HANDLERS_TEXTS_H

#include "package.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { TEXTS_MOST_BYTES = 4096, TEXTS_MOST = 256 };
#else
enum {
    TEXTS_MOST_BYTES = 128 * 1024 * 1024,
    TEXTS_MOST = 16 * 1024 * 1024,
};
#endif

struct texts;

/* Where there is no such part, an empty list. NULL on failure. */
struct texts *texts_read(void *mem, struct package *package, const char *name,
                         struct fault *err);

/* The text lives as long as the list. False: there are not so many. */
bool texts_get(const struct texts *texts, size_t place, const char **ret,
               size_t *ret_len);

#endif
