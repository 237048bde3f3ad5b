#include "secret.h"

#include "json.h"

#include <sodium.h>
#include <string.h>
#include <talloc.h>

struct secrets {
    char **list; /* as they are, and as JSON has them where that is another */
    int count;
};

static void add(struct secrets *secrets, const char *text, size_t len)
{
    if (len < SECRET_MIN)
        return;
    for (int i = 0; i < secrets->count; i++)
        if (strlen(secrets->list[i]) == len &&
            !memcmp(secrets->list[i], text, len))
            return;
    secrets->list = talloc_realloc(secrets, secrets->list, char *,
                                   (unsigned)secrets->count + 1);
    secrets->list[secrets->count++] = talloc_strndup(secrets->list, text, len);
}

/* A key of several lines is said line by line, as in a log. */
static void add_lines(struct secrets *secrets, const char *text)
{
    size_t len;

    if (!strpbrk(text, "\r\n"))
        return;
    for (; *text; text += len + (text[len] != 0)) {
        len = strcspn(text, "\r\n");
        if (len >= SECRET_LINE_MIN)
            add(secrets, text, len);
    }
}

static void add_number(struct secrets *secrets, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    add(secrets, text, strlen(text));
    free(text);
}

static void add_string(struct secrets *secrets, const json_t *value)
{
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    const char *text = json_string_value(value);
    size_t len = strlen(quoted) - 2;

    add(secrets, text, strlen(text));
    add_lines(secrets, text);
    if (len != strlen(text) || memcmp(quoted + 1, text, len) != 0)
        add(secrets, quoted + 1, len);
    free(quoted);
}

/* Whatever is in a secret member. */
static void add_all(struct secrets *secrets, json_t *value)
{
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_string(value))
        add_string(secrets, value);
    if (json_is_number(value))
        add_number(secrets, value);
    json_object_foreach(value, name, item) {
        add_all(secrets, item);
    }
    json_array_foreach(value, i, item) {
        add_all(secrets, item);
    }
}

static void look(struct secrets *secrets, const json_t *schema, json_t *value);

/* Of several schemas that may fit, each is looked at. */
static void look_by_choices(struct secrets *secrets, const json_t *choices,
                            json_t *value)
{
    json_t *schema;
    size_t i;

    json_array_foreach(choices, i, schema) {
        look(secrets, schema, value);
    }
}

static void look(struct secrets *secrets, const json_t *schema, json_t *value)
{
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_true(json_object_get(schema, "writeOnly"))) {
        add_all(secrets, value);
        return;
    }
    look_by_choices(secrets, json_object_get(schema, "anyOf"), value);
    look_by_choices(secrets, json_object_get(schema, "oneOf"), value);
    json_object_foreach(value, name, item) {
        look(secrets,
             json_object_get(json_object_get(schema, "properties"), name),
             item);
    }
    json_array_foreach(value, i, item) {
        look(secrets, json_object_get(schema, "items"), item);
    }
}

static bool may_have_some(const char *options)
{
    return options && strstr(options, "\"writeOnly\"");
}

static int secrets_wipe(struct secrets *secrets)
{
    for (int i = 0; i < secrets->count; i++)
        sodium_memzero(secrets->list[i], strlen(secrets->list[i]));
    return 0;
}

static struct secrets *secrets_new(void *mem)
{
    struct secrets *secrets = talloc_zero(mem, struct secrets);

    talloc_set_destructor(secrets, secrets_wipe);
    return secrets;
}

struct secrets *secrets_find(void *mem, const char *options,
                             const char *payload)
{
    struct secrets *ret;
    json_t *type, *value;

    if (!may_have_some(options) || !payload)
        return NULL;
    ret = secrets_new(mem);
    type = json_loads(options, 0, NULL);
    value = json_loads(payload, JSON_DECODE_ANY, NULL);
    look(ret, json_object_get(type, "payloadSchema"), value);
    json_decref(type);
    json_decref(value);
    if (ret->count == 0)
        TALLOC_FREE(ret);
    return ret;
}

struct secrets *secrets_with(void *mem, struct secrets *secrets,
                             const char *text)
{
    json_t *value = json_string(text);

    if (!secrets)
        secrets = secrets_new(mem);
    add_all(secrets, value);
    json_decref(value);
    return secrets;
}

/* The place of the first of them in a text, and how long it is; the longest
 * where several begin there. */
static const char *find_first(const struct secrets *secrets, const char *text,
                              size_t len, size_t *ret_len)
{
    const char *first = NULL;

    for (int i = 0; i < secrets->count; i++) {
        size_t size = strlen(secrets->list[i]);
        const char *at = memmem(text, len, secrets->list[i], size);

        if (at && (!first || at < first || (at == first && size > *ret_len))) {
            first = at;
            *ret_len = size;
        }
    }
    return first;
}

char *secrets_hide(void *mem, const struct secrets *secrets, const char *text,
                   size_t len)
{
    const char *end, *at;
    char *ret = NULL;
    size_t size = 0;

    if (!secrets || !text)
        return NULL;
    end = text + len;
    while ((at = find_first(secrets, text, (size_t)(end - text), &size))) {
        if (!ret)
            ret = talloc_strdup(mem, "");
        ret = talloc_strndup_append_buffer(ret, text, (size_t)(at - text));
        ret = talloc_strdup_append_buffer(ret, SECRET_MASK);
        text = at + size;
    }
    return ret ? talloc_strndup_append_buffer(ret, text, (size_t)(end - text))
               : NULL;
}
