#include "catalog_want.h"

#include <stdio.h>
#include <string.h>

static bool bad(const char *member, const char *wanted, struct fault *err)
{
    return fault_set(err, FAULT_USAGE, "invalid_payload",
                     "payload: \"%.60s\" must be %s", member, wanted);
}

static bool read_names(json_t *payload, const char *member, json_t **ret,
                       struct fault *err)
{
    json_t *list = json_object_get(payload, member), *name;
    size_t i;

    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return bad(member, "a list of names, at least one", err);
    json_array_foreach(list, i, name) {
        if (!json_string_length(name))
            return bad(member, "a list of names, at least one", err);
    }
    *ret = list;
    return true;
}

static bool read_flag(json_t *payload, const char *member, bool *ret,
                      struct fault *err)
{
    json_t *flag = json_object_get(payload, member);

    *ret = !flag || json_is_true(flag);
    return !flag || json_is_boolean(flag) || bad(member, "true or false", err);
}

static bool contains(struct want *want, json_t *list, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        if (strcmp(json_string_value(one), name) != 0)
            continue;
        json_object_set_new(want->found, name, json_true());
        return true;
    }
    return false;
}

/* A table is named by itself or with its schema. */
static bool wants_table(void *arg, const char *schema, const char *table)
{
    struct want *want = arg;
    char qualified[512];
    bool plain = contains(want, want->tables, table);

    snprintf(qualified, sizeof(qualified), "%s.%s", schema, table);
    return contains(want, want->tables, qualified) || plain;
}

bool want_read(json_t *payload, struct want *ret,
               struct catalog_options *ret_options, struct fault *err)
{
    struct catalog_options *options = ret_options;

    *ret = (struct want){.found = json_object()};
    if (!json_is_object(payload))
        return fault_set(err, FAULT_USAGE, "invalid_payload",
                         "the payload must be an object");
    if (!read_names(payload, "schemas", &ret->schemas, err) ||
        !read_names(payload, "tables", &ret->tables, err) ||
        !read_flag(payload, "includeColumns", &options->columns, err) ||
        !read_flag(payload, "includeTypes", &options->types, err) ||
        !read_flag(payload, "includeConstraints", &options->constraints, err) ||
        !read_flag(payload, "includeIndexes", &options->indexes, err) ||
        !read_flag(payload, "includeForeignKeys", &options->foreign_keys, err))
        return false;
    options->wants = ret->tables ? wants_table : NULL;
    options->arg = ret;
    return true;
}

void want_done(struct want *want)
{
    json_decref(want->found);
}

bool want_schema(struct want *want, const char *name, bool standard)
{
    return want->schemas ? contains(want, want->schemas, name) : standard;
}

bool want_check(const struct want *want, int table_count, struct fault *err)
{
    const char *what = want->tables ? "tables" : "schemas";

    if (table_count > 0 || (!want->tables && !want->schemas) ||
        (!want->tables && json_object_size(want->found) > 0))
        return true;
    return fault_set(err, FAULT_DATA, "nothing_found",
                     "none of the %s that are named is there, or the user may "
                     "not see them",
                     what);
}

static void write_missing(const struct want *want, struct text *out,
                          json_t *list, const char *code, const char *what)
{
    json_t *name;
    char message[600];
    size_t i;

    json_array_foreach(list, i, name) {
        const char *text = json_string_value(name);

        if (json_object_get(want->found, text))
            continue;
        snprintf(message, sizeof(message),
                 "there is no %s \"%.400s\", or the user may not see it", what,
                 text);
        text_open(out, NULL, '{');
        text_string(out, "code", code);
        text_string(out, "message", message);
        text_close(out, '}');
    }
}

void want_write_warnings(const struct want *want, struct text *out)
{
    text_open(out, "warnings", '[');
    write_missing(want, out, want->schemas, "unknown_schema", "schema");
    write_missing(want, out, want->tables, "unknown_table", "table");
    text_close(out, ']');
}
