#ifndef API_WORDS_H
#define API_WORDS_H

#include "error.h"

/* The words for a job's status and for its state; NULL ends a list. */
extern const char *const job_statuses[], *const job_states[];

/* Whether `value` is one of some words (NULL: not given, and right): else
 * ERROR_INVALID with this code and a message that names them. */
bool word_check(void *mem, const char *name, const char *value,
                const char *const *words, const char *code,
                struct error *err) MUST_CHECK;

#endif
