#ifndef CORE_CONF_FILE_H
#define CORE_CONF_FILE_H

#include "error.h"

#include <stddef.h>

/* One setting as a file of settings has it. */
struct conf_line {
    int number;
    const char *name, *value;
};

/*
 * Read a file of NAME=value lines, the form that systemd and a shell read too:
 * "export " before the name, quotes around the value and comments after # are
 * taken off. Names and values are not judged. An error names file and line.
 */
bool conf_file_read(void *mem, const char *path, struct conf_line **ret,
                    size_t *ret_count, struct error *err) MUST_CHECK;

#endif
