/*
 * "connection": the kinds of saved databases that a type's jobs may name in
 * their payloads. SQL checks what they name (0016_payload.sql); the worker
 * hands it over as a file, and so only to a program that is trusted.
 */
#include "type_member.h"

#include <string.h>
#include <talloc.h>

static const char *const kinds[] = {"postgresql", "mysql"};

static const char *kind_by_name(const char *name)
{
    for (size_t i = 0; name && i < COUNT(kinds); i++)
        if (!strcmp(kinds[i], name))
            return kinds[i];
    return NULL;
}

static bool has(const char *const *list, const char *kind)
{
    for (; *list; list++)
        if (*list == kind)
            return true;
    return false;
}

bool type_read_connection(void *mem, const struct member *member, json_t *value,
                          struct job_type *type, struct error *err)
{
    const char **list = talloc_zero_array(mem, const char *, COUNT(kinds) + 1);
    size_t count = json_array_size(value), i;
    bool ok = count > 0 && count <= COUNT(kinds);
    json_t *item;

    json_array_foreach(value, i, item) {
        const char *kind = kind_by_name(json_string_value(item));

        ok = ok && kind && !has(list, kind);
        if (ok)
            list[i] = kind;
    }
    type->connection = list;
    return ok ||
           member_refuse(member->name,
                         "an array of \"postgresql\", \"mysql\" or both", err);
}

static bool refuse(const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_type",
                     "connection is only for programs without a sandbox: %s",
                     why);
}

bool type_check_connection(const struct job_type *type, struct error *err)
{
    if (!type->connection)
        return true;
    if (type->kind != TYPE_PROGRAM)
        return refuse("others serve many jobs, or are elsewhere", err);
    if (type->sandbox.on)
        return refuse("a password is not for a handler that has one", err);
    return true;
}

bool type_takes_connection(const struct job_type *type, const char *kind)
{
    for (const char **taken = type->connection; taken && *taken; taken++)
        if (!strcmp(*taken, kind))
            return true;
    return false;
}
