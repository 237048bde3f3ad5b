#include "type_member.h"

#include "clock.h"
#include "conf_value.h"

#include <limits.h>
#include <string.h>
#include <talloc.h>

bool member_refuse(const char *member, const char *want, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_type", "%s must be %s",
                     member, want);
}

bool type_missing(const char *member, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_type", "%s is missing",
                     member);
}

static void keep_number(const struct member *member, struct job_type *type,
                        int64_t number)
{
    if (member->offset != CHECKED)
        *(int64_t *)(void *)((char *)type + member->offset) = number;
}

bool member_text(void *mem, const struct member *member, json_t *value,
                 struct job_type *type, struct error *err)
{
    if (!json_is_string(value))
        return member_refuse(member->name, "a string", err);
    if (member->offset != CHECKED)
        *(const char **)(void *)((char *)type + member->offset) =
            talloc_strdup(mem, json_string_value(value));
    return true;
}

bool member_number(void *mem, const struct member *member, json_t *value,
                   struct job_type *type, struct error *err)
{
    int64_t number = json_integer_value(value);

    (void)mem;
    if (!json_is_integer(value) || number < member->min || number > member->max)
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "%s must be a whole number from %lld to %lld",
                         member->name, (long long)member->min,
                         (long long)member->max);
    keep_number(member, type, number);
    return true;
}

bool member_duration(void *mem, const struct member *member, json_t *value,
                     struct job_type *type, struct error *err)
{
    int64_t ms;

    (void)mem;
    if (!json_is_string(value))
        return member_refuse(member->name, "a duration such as \"90s\"", err);
    if (!duration_parse(json_string_value(value), &ms, err))
        return error_prefix(err, "%s", member->name);
    if (ms < 1)
        return member_refuse(member->name, "longer than nothing", err);
    keep_number(member, type, ms);
    return true;
}

bool member_size(void *mem, const struct member *member, json_t *value,
                 struct job_type *type, struct error *err)
{
    const char *text = json_string_value(value);
    int64_t bytes;

    (void)mem;
    if (!text || !conf_value_read(CONF_BYTES, text, &bytes) || bytes < 1)
        return member_refuse(member->name, "a size such as \"512MB\"", err);
    keep_number(member, type, bytes);
    return true;
}

bool member_flag(void *mem, const struct member *member, json_t *value,
                 struct job_type *type, struct error *err)
{
    (void)mem;
    if (!json_is_boolean(value))
        return member_refuse(member->name, "true or false", err);
    *(bool *)((char *)type + member->offset) = json_is_true(value);
    return true;
}

/* The names that a type and a queue may have; as the tables demand them. */
bool member_name(void *mem, const struct member *member, json_t *value,
                 struct job_type *type, struct error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char more[] =
        "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *name = json_string_value(value);

    if (!name || !*name || !strchr(letters, *name) || strlen(name) > 100 ||
        name[strspn(name, more)])
        return member_refuse(member->name,
                             "a name: a letter or digit, then letters, digits, "
                             "dots, underscores or hyphens, 100 in all",
                             err);
    return member_text(mem, member, value, type, err);
}

bool member_path(void *mem, const struct member *member, json_t *value,
                 struct job_type *type, struct error *err)
{
    const char *path = json_string_value(value);

    if (!path || *path != '/' || strlen(path) >= PATH_MAX)
        return member_refuse(member->name, "an absolute path", err);
    return member_text(mem, member, value, type, err);
}

bool member_pairs(void *mem, const struct member *member, json_t *value,
                  bool (*is_good)(const char *name, json_t *value),
                  const char *want, struct job_type *type, struct error *err)
{
    size_t count = json_object_size(value), at = 0;
    const char **pairs =
        talloc_zero_array(mem, const char *, (unsigned)count * 2 + 1);
    const char *name;
    json_t *text;

    if (!json_is_object(value))
        return member_refuse(member->name, want, err);
    json_object_foreach(value, name, text) {
        if (!json_is_string(text) || !is_good(name, text))
            return member_refuse(member->name, want, err);
        pairs[at++] = talloc_strdup(mem, name);
        pairs[at++] = talloc_strdup(mem, json_string_value(text));
    }
    *(const char ***)(void *)((char *)type + member->offset) = pairs;
    return true;
}

bool member_object(void *mem, const char *prefix, const struct member *table,
                   size_t count, json_t *json, struct job_type *type,
                   struct error *err)
{
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach(json, name, value) {
        for (i = 0; i < count; i++)
            if (!strcmp(table[i].name + strlen(prefix), name))
                break;
        if (i == count)
            return error_set(err, ERROR_INVALID, "unknown_member",
                             "there is no member \"%s%s\"", prefix, name);
        if (!table[i].read(mem, &table[i], value, type, err))
            return false;
    }
    return true;
}

const char *type_json_text(void *mem, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    const char *copy = talloc_strdup(mem, text);

    free(text);
    return copy;
}
