#ifndef API_URL_H
#define API_URL_H

#include "error.h"

#include <stddef.h>

/* Decode %XX (and + to a space where `plus`). ERROR_INVALID invalid_url: a
 * broken escape, a control character (zero too) or what is not UTF-8. */
bool url_decode(void *mem, const char *text, size_t len, bool plus, char **ret,
                struct error *err) MUST_CHECK;

/* Encode everything but unreserved characters: one segment of a path; or a
 * path, whose slashes stay. */
char *url_encode(void *mem, const char *text);
char *url_encode_path(void *mem, const char *path);

#endif
