/*
 * The parts of a ZIP file, read as streams. What unpacks to far more than any
 * document does (a ZIP bomb) is refused while it is read, whatever the file
 * says of its own size.
 */
#ifndef HANDLERS_PACKAGE_H
#define HANDLERS_PACKAGE_H

#include "fault.h"

#include <sys/types.h>
#include <zip.h>

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define PACKAGE_SAFE_BYTES (64 * 1024)
#define PACKAGE_MOST_BYTES (256 * 1024)
#else
#define PACKAGE_SAFE_BYTES (64LL * 1024 * 1024) /* so much may any part have   \
                                                 */
#define PACKAGE_MOST_BYTES (16LL * 1024 * 1024 * 1024)
#endif

enum {
    PACKAGE_MOST_PARTS = 20000,
    PACKAGE_MOST_RATIO = 250, /* to one: deflate itself reaches 1,032 */
};

struct package;
struct part;

/* Codes: broken_workbook, encrypted_file, zip_bomb. NULL on failure. */
struct package *package_open(void *mem, const char *path, struct fault *err);

/* The same out of memory; the source is the package's from then on. */
struct package *package_open_source(void *mem, zip_source_t *source,
                                    struct fault *err);

/* Names without regard to case, as Excel has them. */
bool package_has(const struct package *package, const char *name);

/* NULL on failure; no_part where there is none of this name. */
struct part *part_open(void *mem, struct package *package, const char *name,
                       struct fault *err);

/* As read(2): bytes, 0 at the end; -1 with the fault set. */
ssize_t part_read(struct part *part, char *buf, size_t size, struct fault *err);

uint64_t part_bytes(const struct part *part); /* read so far */
uint64_t part_size(const struct part *part);  /* as the file says */

#endif
