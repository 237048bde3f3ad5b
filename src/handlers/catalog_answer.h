#ifndef HANDLERS_CATALOG_ANSWER_H
#define HANDLERS_CATALOG_ANSWER_H

#include "catalog_text.h"

/* Results are at most 1 MB; what is larger is a file beside it. */
#define ANSWER_MAX  (1000 * 1000)
#define ANSWER_FILE "schema.json"

/*
 * Print the result: head and body, members of one object each. Where that is
 * too large, it becomes the artifact schema.json, and the result is the head
 * with "file" in the body's place. Returns the exit code.
 */
int catalog_answer(void *mem, const struct text *head, const struct text *body);

#endif
