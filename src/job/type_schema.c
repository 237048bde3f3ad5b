/*
 * The payload schema of a type: a part of JSON Schema, as much as forms need.
 * Here it is only made sure that it says what SQL will understand; the payloads
 * are checked there (0016_payload.sql), whoever brings them.
 */
#include "type_member.h"
#include "type_pattern.h"

#include <string.h>
#include <talloc.h>

/* A place in the schema, for the message; the outermost has no parent. */
struct place {
    const struct place *parent;
    const char *name;
};

typedef bool keyword_fn(const struct place *place, json_t *value,
                        struct error *err);

static bool check_schema(const struct place *place, json_t *schema,
                         struct error *err);

static char *path_of(void *mem, const struct place *place)
{
    if (!place->parent)
        return talloc_strdup(mem, place->name);
    return talloc_asprintf(mem, "%s.%s", path_of(mem, place->parent),
                           place->name);
}

static bool refuse(const struct place *place, const char *want,
                   struct error *err)
{
    void *scratch = talloc_new(NULL);

    member_refuse(path_of(scratch, place), want, err);
    talloc_free(scratch);
    return false;
}

static bool is_type(const char *text)
{
    static const char *const types[] = {
        "string", "number", "integer", "object", "array", "boolean", "null"};

    for (size_t i = 0; text && i < COUNT(types); i++)
        if (!strcmp(text, types[i]))
            return true;
    return false;
}

static bool check_type(const struct place *place, json_t *value,
                       struct error *err)
{
    bool ok = is_type(json_string_value(value)) || json_array_size(value) > 0;
    json_t *one;
    size_t i;

    json_array_foreach(value, i, one) {
        ok = ok && is_type(json_string_value(one));
    }
    return ok || refuse(place,
                        "string, number, integer, object, array, boolean or "
                        "null, or an array of those",
                        err);
}

static bool check_properties(const struct place *place, json_t *value,
                             struct error *err)
{
    const char *name;
    json_t *schema;

    if (!json_is_object(value))
        return refuse(place, "an object", err);
    json_object_foreach(value, name, schema) {
        if (!check_schema(&(struct place){place, name}, schema, err))
            return false;
    }
    return true;
}

static bool check_choices(const struct place *place, json_t *value,
                          struct error *err)
{
    json_t *schema;
    size_t i;

    if (json_array_size(value) == 0)
        return refuse(place, "an array of schemas", err);
    json_array_foreach(value, i, schema) {
        char name[24];

        snprintf(name, sizeof(name), "%zu", i);
        if (!check_schema(&(struct place){place, name}, schema, err))
            return false;
    }
    return true;
}

static bool check_names(const struct place *place, json_t *value,
                        struct error *err)
{
    bool ok = json_is_array(value);
    json_t *name;
    size_t i;

    json_array_foreach(value, i, name)
        ok = ok && json_is_string(name);
    return ok || refuse(place, "an array of names", err);
}

static bool check_list(const struct place *place, json_t *value,
                       struct error *err)
{
    return json_array_size(value) > 0 || refuse(place, "an array", err);
}

static bool check_text(const struct place *place, json_t *value,
                       struct error *err)
{
    return json_is_string(value) || refuse(place, "a text", err);
}

static bool check_pattern(const struct place *place, json_t *value,
                          struct error *err)
{
    const char *fault, *text = json_string_value(value);
    char want[80];

    if (!text)
        return refuse(place, "a text", err);
    fault = type_pattern_fault(text);
    if (!fault)
        return true;
    snprintf(want, sizeof(want), "a regular expression: %s", fault);
    return refuse(place, want, err);
}

static bool check_flag(const struct place *place, json_t *value,
                       struct error *err)
{
    return json_is_boolean(value) || refuse(place, "true or false", err);
}

static bool check_number(const struct place *place, json_t *value,
                         struct error *err)
{
    return json_is_number(value) || refuse(place, "a number", err);
}

static bool check_divisor(const struct place *place, json_t *value,
                          struct error *err)
{
    return json_number_value(value) > 0 ||
           refuse(place, "a number above 0", err);
}

static bool check_count(const struct place *place, json_t *value,
                        struct error *err)
{
    return (json_is_integer(value) && json_integer_value(value) >= 0 &&
            json_integer_value(value) <= INT32_MAX) ||
           refuse(place, "a whole number from 0", err);
}

static bool check_format(const struct place *place, json_t *value,
                         struct error *err)
{
    static const char *const formats[] = {
        "date", "date-time", "time", "duration", "email",
        "uri",  "uuid",      "ipv4", "ipv6",     "hostname"};

    for (size_t i = 0; json_is_string(value) && i < COUNT(formats); i++)
        if (!strcmp(json_string_value(value), formats[i]))
            return true;
    return refuse(place,
                  "date, date-time, time, duration, email, uri, uuid, "
                  "hostname, ipv4 or ipv6",
                  err);
}

static bool check_any(const struct place *place, json_t *value,
                      struct error *err)
{
    (void)place, (void)value, (void)err;
    return true;
}

static const struct {
    const char *name;
    keyword_fn *check;
} keywords[] = {
    {"type",                 check_type      },
    {"properties",           check_properties},
    {"required",             check_names     },
    {"additionalProperties", check_flag      },
    {"enum",                 check_list      },
    {"const",                check_any       },
    {"minimum",              check_number    },
    {"maximum",              check_number    },
    {"exclusiveMinimum",     check_number    },
    {"exclusiveMaximum",     check_number    },
    {"multipleOf",           check_divisor   },
    {"minLength",            check_count     },
    {"maxLength",            check_count     },
    {"pattern",              check_pattern   },
    {"format",               check_format    },
    {"items",                check_schema    },
    {"minItems",             check_count     },
    {"maxItems",             check_count     },
    {"uniqueItems",          check_flag      },
    {"anyOf",                check_choices   },
    {"oneOf",                check_choices   },
    {"default",              check_any       },
    {"title",                check_text      },
    {"description",          check_text      },
    {"examples",             check_list      },
    {"writeOnly",            check_flag      },
};

static keyword_fn *keyword(const char *name)
{
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (!strcmp(name, keywords[i].name))
            return keywords[i].check;
    return NULL;
}

static bool check_schema(const struct place *place, json_t *schema,
                         struct error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(schema))
        return refuse(place, "an object", err);
    json_object_foreach(schema, name, value) {
        struct place here = {place, name};
        keyword_fn *check = keyword(name);

        if (!check)
            return refuse(&here,
                          "left out: it is not among the words of JSON Schema "
                          "that are known here",
                          err);
        if (!check(&here, value, err))
            return false;
    }
    return true;
}

bool type_read_schema(void *mem, const struct member *member, json_t *value,
                      struct job_type *type, struct error *err)
{
    const struct place top = {NULL, member->name};

    (void)mem, (void)type;
    return check_schema(&top, value, err);
}
