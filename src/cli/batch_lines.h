#ifndef CLI_BATCH_LINES_H
#define CLI_BATCH_LINES_H

#include "json.h"

#include <stddef.h>

/* Jobs as JSON lines (an object a line; empty lines do not count), in portions
 * that one request takes. */
struct batch_lines {
    const char *name; /* of the file, for errors */
    const char *text, *end;
    int64_t line;       /* the number of the next one */
    int64_t first_line; /* of the last portion */
    int64_t jobs;       /* so far */
};

/* `path`: a file; NULL or "-" is stdin. */
bool batch_lines_open(void *mem, const char *path, struct batch_lines *ret,
                      struct error *err) MUST_CHECK;

/* Write the next portion as members of the array that is open. */
bool batch_lines_write(struct batch_lines *lines, struct json_out *out,
                       struct error *err) MUST_CHECK;

bool batch_lines_at_end(const struct batch_lines *lines);

#endif
