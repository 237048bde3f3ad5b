#ifndef WORKER_ANSWER_H
#define WORKER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* A value as it was written. */
struct span {
    const char *text; /* NULL: it is not there */
    size_t len;
};

/*
 * One line of a warm process, cut into its members. No tree is built: most
 * lines are an id and a result, whose text goes to the database as it is, and
 * that judges it.
 */
struct answer {
    struct span id; /* without the quotes */
    struct span progress, message, log, result, error, retry, retry_after;
};

/* False where the line is not an object with an id. */
bool answer_read(const char *line, size_t len, struct answer *ret);

/* Only the id, of a line whose end is missing; it must come first. */
bool answer_read_id(const char *line, size_t len, struct span *ret);

#endif
