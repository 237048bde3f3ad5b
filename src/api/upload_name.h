#ifndef API_UPLOAD_NAME_H
#define API_UPLOAD_NAME_H

#include "error.h"

#include <stddef.h>

#define UPLOAD_NAME_MOST 200 /* bytes */

/*
 * The name under which a file that someone calls `name` is kept and laid before
 * a job: without the path, whichever slashes it has; what is no character, or a
 * control character, becomes "_", so does a dot in front; one that is too long
 * is cut before its extension. ERROR_INVALID invalid_file_name where nothing is
 * left: "", ".", "..".
 */
bool upload_name(void *mem, const char *name, const char **ret,
                 struct error *err) MUST_CHECK;

/* A copy of a text from outside as the database can keep it: the same for what
 * is no character, and at most `most` bytes. */
char *upload_text(void *mem, const char *text, size_t most);

#endif
