#ifndef CLI_PICK_H
#define CLI_PICK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Members of the API's answers by their path: "error.code". */

/* NULL where a part of the path is not there, or null. */
json_t *pick(const json_t *from, const char *path);

/* "" where there is no such string. */
const char *pick_text(const json_t *from, const char *path);

/* 0 where there is no such number; a fraction is cut off. */
int64_t pick_int(const json_t *from, const char *path);

/* A time, in ms; 0 where there is none. */
int64_t pick_time(const json_t *from, const char *path);

/* Whether it is a list of strings. */
bool pick_is_words(const json_t *value);

/* The text of any value: a string as it is, a list of strings with commas, all
 * else as compact JSON. On `mem`. */
char *pick_any(void *mem, const json_t *value);

/* The same value, indented, to be read by people. */
char *pick_pretty(void *mem, const json_t *value);

#endif
