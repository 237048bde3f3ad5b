#include "catalog_source.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static const char *text_of(void *mem, json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value && *value ? talloc_strdup(mem, value) : NULL;
}

static const char *or_else(const char *value, const char *otherwise)
{
    return value ? value : otherwise;
}

bool source_open_described(void *mem, json_t *json, struct source *source,
                           struct catalog_db *ret, struct fault *err)
{
    json_t *options = json_object_get(json, "options");
    struct place place = {
        .host = or_else(text_of(mem, json, "host"), "127.0.0.1"),
        .port = (int)json_integer_value(json_object_get(json, "port")),
        .database = text_of(mem, json, "database"),
        .user = text_of(mem, json, "user"),
        .password = text_of(mem, json, "password"),
        .ssl_mode = text_of(mem, json, "sslMode"),
        .ca_file = text_of(mem, options, "caFile"),
    };

    source->kind = or_else(text_of(mem, json, "kind"), "");
    source->database = place.database;
    if (!strcmp(source->kind, "postgresql"))
        return catalog_open_postgresql(&place, ret, err);
    if (!strcmp(source->kind, "mysql") || !strcmp(source->kind, "mariadb"))
        return catalog_open_mysql(&place, ret, err);
    return fault_set(err, FAULT_DATA, "unsupported_connection",
                     "a connection of the kind \"%s\" has no catalog that this "
                     "job can read; it must be postgresql or mysql",
                     source->kind);
}

static bool open_file(void *mem, const char *path, struct source *source,
                      struct catalog_db *ret, struct fault *err)
{
    json_error_t why;
    json_t *json = json_load_file(path, 0, &why);
    bool ok;

    if (!json)
        return fault_set(err, FAULT_RETRY, "no_connection",
                         "cannot read the connection: %s", why.text);
    ok = source_open_described(mem, json, source, ret, err);
    json_decref(json);
    return ok;
}

bool source_open(void *mem, struct source *ret, struct catalog_db *ret_db,
                 struct fault *err)
{
    const char *file = getenv("MILLRACE_CONNECTION");
    const char *url = getenv("TARGET_DATABASE_URL");

    *ret = (struct source){.kind = "postgresql"};
    if (file && *file)
        return open_file(mem, file, ret, ret_db, err);
    if (url && *url)
        return catalog_open_url(url, ret_db, err);
    return fault_set(err, FAULT_DATA, "no_connection",
                     "the type's run.env names no database: neither "
                     "MILLRACE_CONNECTION nor TARGET_DATABASE_URL");
}
