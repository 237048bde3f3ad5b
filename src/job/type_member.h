#ifndef JOB_TYPE_MEMBER_H
#define JOB_TYPE_MEMBER_H

#include "type.h"

#include <stddef.h>

/*
 * A member that a description may have is a row of a table: of the file itself
 * (type_read.c), of "run" and "limits" (type_run.c), or of what its jobs take
 * over (type_option.c). What a row says is checked here once.
 */
struct member;

typedef bool member_fn(void *mem, const struct member *member, json_t *value,
                       struct job_type *type, struct error *err);

struct member {
    const char *name;
    member_fn *read;
    size_t offset;    /* where the value goes in struct job_type, or CHECKED */
    int64_t min, max; /* of numbers */
};

#define AT(member_) offsetof(struct job_type, member_)
#define CHECKED     SIZE_MAX /* only looked at: it is kept as it is written */
#define ANY         INT32_MAX

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

member_fn member_text, member_number, member_duration, member_size, member_flag,
    member_name, member_path;

/* An object of strings, each of which `is_good`, as a list of names and values
 * that ends with NULL. `want` says what it must be. */
bool member_pairs(void *mem, const struct member *member, json_t *value,
                  bool (*is_good)(const char *name, json_t *value),
                  const char *want, struct job_type *type,
                  struct error *err) MUST_CHECK;

/* Read an object by its table; `prefix` is what its rows' names begin with. */
bool member_object(void *mem, const char *prefix, const struct member *table,
                   size_t count, json_t *json, struct job_type *type,
                   struct error *err) MUST_CHECK;

/* "limits must be an object". */
bool member_refuse(const char *member, const char *want, struct error *err);

/* "run.command is missing". */
bool type_missing(const char *member, struct error *err);

/* "run" of a kind that has a file of its own. */
bool type_read_http(void *mem, json_t *run, struct job_type *type,
                    struct error *err) MUST_CHECK;
bool type_read_fastcgi(void *mem, json_t *run, struct job_type *type,
                       struct error *err) MUST_CHECK;

/* Members of the file that have a file of their own. */
member_fn type_read_run, type_read_limits;
member_fn type_read_rate, type_read_key, type_read_unique, type_read_retention;
member_fn type_read_schema, type_read_sandbox, type_read_connection;

/* What no single member of those can tell. */
bool type_check_run(const struct job_type *type, json_t *root,
                    struct error *err) MUST_CHECK;
bool type_check_options(json_t *root, struct error *err) MUST_CHECK;
bool type_check_sandbox(const struct job_type *type,
                        struct error *err) MUST_CHECK;
bool type_check_connection(const struct job_type *type,
                           struct error *err) MUST_CHECK;

/* The options of the file as one object, on `mem`; NULL where it has none. */
const char *type_options_text(void *mem, json_t *root);

/* A value as compact text, on `mem`. */
const char *type_json_text(void *mem, json_t *value);

#endif
