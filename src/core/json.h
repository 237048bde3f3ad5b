#ifndef CORE_JSON_H
#define CORE_JSON_H

#include "error.h"

#include <jansson.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

/*
 * Parse a whole text; the tree lives as long as `mem`. Refuses, each with its
 * own code and with line and column: invalid_json, duplicate_member,
 * invalid_utf8, null_character (\u0000), nesting_too_deep (past
 * JSON_MAX_DEPTH), all of kind ERROR_INVALID.
 */
bool json_parse(void *mem, const char *text, size_t len, json_t **ret,
                struct error *err) MUST_CHECK;

/*
 * The text of a valid JSON object, member by member, as it was written: numbers
 * and spacing of the value are untouched. `name` is the raw text between the
 * quotes (escapes not resolved). Start with *at = 0; false at the end.
 */
struct json_member {
    const char *name, *value;
    size_t name_len, value_len;
};
bool json_next_member(const char *text, size_t len, size_t *at,
                      struct json_member *ret);

/* The value of one member as written, or NULL. A copy on `mem`. */
char *json_member_text(void *mem, const char *text, size_t len,
                       const char *name);

/* A writer of JSON: grows, puts commas, escapes. Invalid UTF-8 in a string
 * becomes U+FFFD. */
struct json_out;

struct json_out *json_out_new(void *mem);
/* Begin a level; `name` is NULL in arrays and at the top. */
void json_begin_object(struct json_out *out, const char *name);
void json_begin_array(struct json_out *out, const char *name);
void json_end(struct json_out *out);                      /* of the last one begun */
void json_add_string(struct json_out *out, const char *name, const char *value);
void json_add_int(struct json_out *out, const char *name, int64_t value);
void json_add_bool(struct json_out *out, const char *name, bool value);
void json_add_null(struct json_out *out, const char *name);
void json_add_time(struct json_out *out, const char *name, int64_t ms);
void json_add_raw(struct json_out *out, const char *name, const char *json);
/* The members of an object that is JSON already, as they are written there. */
void json_add_members(struct json_out *out, const char *object);
/* The same, but nothing at all where the value is NULL (or the time 0). */
void json_may_string(struct json_out *out, const char *name, const char *value);
void json_may_time(struct json_out *out, const char *name, int64_t ms);
void json_may_raw(struct json_out *out, const char *name, const char *json);
/* The text so far; belongs to the writer. */
const char *json_out_text(struct json_out *out, size_t *ret_len);

#endif
