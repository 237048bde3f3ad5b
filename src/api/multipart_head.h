#ifndef API_MULTIPART_HEAD_H
#define API_MULTIPART_HEAD_H

#include "multipart.h"

/* The texts of multipart/form-data; only multipart.c includes this. */

#define MULTIPART_BAD(err, ...)                                                \
    error_set(err, ERROR_INVALID, "invalid_multipart", __VA_ARGS__)

/* The boundary that a Content-Type names, on `mem`. */
bool multipart_boundary(void *mem, const char *content_type, char **ret,
                        struct error *err) MUST_CHECK;

/* Read a part's header, `len` bytes up to and with its empty line; the strings
 * are on `mem`. */
bool multipart_head(void *mem, const char *head, size_t len,
                    struct multipart_part *ret, struct error *err) MUST_CHECK;

#endif
