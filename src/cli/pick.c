#include "pick.h"

#include "clock.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

json_t *pick(const json_t *from, const char *path)
{
    json_t *at = NULL;

    for (;;) {
        size_t len = strcspn(path, ".");

        at = json_object_getn(from, path, len);
        if (!at || json_is_null(at))
            return NULL;
        if (!path[len])
            return at;
        path += len + 1;
        from = at;
    }
}

const char *pick_text(const json_t *from, const char *path)
{
    const char *text = json_string_value(pick(from, path));

    return text ? text : "";
}

int64_t pick_int(const json_t *from, const char *path)
{
    const json_t *value = pick(from, path);

    return json_is_real(value) ? (int64_t)json_real_value(value)
                               : json_integer_value(value);
}

int64_t pick_time(const json_t *from, const char *path)
{
    const char *text = pick_text(from, path);
    struct error err;
    int64_t ms;

    return *text && clock_parse(text, &ms, &err) ? ms : 0;
}

static char *dump(void *mem, const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY), *copy;

    copy = talloc_strdup(mem, text ? text : "");
    free(text);
    return copy;
}

bool pick_is_words(const json_t *value)
{
    json_t *item;
    size_t i;

    json_array_foreach(value, i, item) {
        if (!json_is_string(item))
            return false;
    }
    return json_is_array(value);
}

static char *join(void *mem, const json_t *list)
{
    char *text = talloc_strdup(mem, "");
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) {
        text = talloc_asprintf_append(text, "%s%s", i ? "," : "",
                                      json_string_value(item));
    }
    return text;
}

char *pick_any(void *mem, const json_t *value)
{
    if (!value)
        return talloc_strdup(mem, "");
    if (json_is_string(value))
        return talloc_strdup(mem, json_string_value(value));
    if (pick_is_words(value))
        return join(mem, value);
    return dump(mem, value, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

char *pick_pretty(void *mem, const json_t *value)
{
    return dump(mem, value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
}
