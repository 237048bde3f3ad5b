#ifndef API_ELEMENTS_H
#define API_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The elements of a valid JSON array as they were written, one after another:
 * the counterpart of json_next_member. Start with *at = 0; false at the end.
 */
bool elements_next(const char *text, size_t len, size_t *at,
                   const char **ret_value, size_t *ret_len);

#endif
