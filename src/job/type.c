#include "type.h"

#include "buf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* More than any description needs. */
#define MAX_FILE (1024 * 1024)

static bool read_whole(FILE *file, struct buf *ret)
{
    char chunk[4096];
    size_t n;

    while (ret->len <= MAX_FILE && (n = fread(chunk, 1, sizeof(chunk), file)))
        buf_add(ret, chunk, n);
    return !ferror(file) && ret->len <= MAX_FILE;
}

static bool read_text(void *mem, const char *path, struct buf *ret,
                      struct error *err)
{
    FILE *file = fopen(path, "re");
    bool ok;

    if (!file)
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "cannot open it: %m");
    buf_init(ret, mem, sizeof("{}"));
    errno = EFBIG;
    ok = read_whole(file, ret);
    if (!ok)
        error_set(err, ERROR_INVALID, "invalid_type", "cannot read it: %m");
    fclose(file);
    return ok;
}

static bool read_file(void *mem, const char *dir, const char *name,
                      struct job_type *ret, struct error *err)
{
    void *scratch = talloc_new(NULL);
    char *path = talloc_asprintf(scratch, "%s/%s", dir, name);
    struct buf text;
    bool ok = read_text(scratch, path, &text, err) &&
              type_read(mem, text.data, text.len, ret, err);

    if (!ok)
        error_prefix(err, "%s", path);
    talloc_free(scratch);
    return ok;
}

static bool add_type(struct job_types *types, const struct job_type *type,
                     const char *name, struct error *err)
{
    for (int i = 0; i < types->count; i++)
        if (!strcmp(types->list[i].type, type->type))
            return error_set(err, ERROR_INVALID, "invalid_type",
                             "%s: another file describes the type \"%s\" "
                             "already",
                             name, type->type);
    types->list[types->count++] = *type;
    return true;
}

static int is_description(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > strlen(".json") &&
           !strcmp(entry->d_name + len - strlen(".json"), ".json");
}

bool type_read_all(void *mem, const char *dir, struct job_types *ret,
                   struct error *err)
{
    struct job_types types = {0};
    struct dirent **entries;
    int count = scandir(dir, &entries, is_description, alphasort);
    bool ok = true;

    if (count < 0)
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "cannot read the folder %s: %m", dir);
    types.list = talloc_zero_array(mem, struct job_type, (unsigned)count);
    for (int i = 0; i < count; i++) {
        struct job_type type;

        ok = ok && read_file(mem, dir, entries[i]->d_name, &type, err) &&
             add_type(&types, &type, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    if (ok)
        *ret = types;
    return ok;
}

struct db_args type_register_args(void *mem, const struct job_types *types)
{
    enum {
        TYPE,
        DESCRIPTION,
        QUEUE,
        PRIORITY,
        TIMEOUT,
        ATTEMPTS,
        RETRY,
        CONCURRENCY,
        OPTIONS,
        RETENTION,
        ALL
    };
    const char **values = talloc_array(mem, const char *, ALL);
    struct db_array *columns[ALL];

    for (int i = 0; i < ALL; i++)
        columns[i] = db_array_new(values);
    for (int i = 0; i < types->count; i++) {
        const struct job_type *type = &types->list[i];

        db_array_add(columns[TYPE], type->type);
        db_array_add(columns[DESCRIPTION], type->description);
        db_array_add(columns[QUEUE], type->queue);
        db_array_add_int(columns[PRIORITY], type->priority);
        db_array_add_int(columns[TIMEOUT], type->timeout_ms);
        db_array_add_int(columns[ATTEMPTS], type->max_attempts);
        db_array_add(columns[RETRY], type->retry);
        if (type->concurrency)
            db_array_add_int(columns[CONCURRENCY], type->concurrency);
        else
            db_array_add(columns[CONCURRENCY], NULL);
        db_array_add(columns[OPTIONS], type->options);
        db_array_add(columns[RETENTION], type->retention);
    }
    for (int i = 0; i < ALL; i++)
        values[i] = db_array_text(columns[i]);
    return (struct db_args){ALL, values};
}

const char *type_names(void *mem, const struct job_types *types)
{
    struct db_array *names = db_array_new(mem);

    for (int i = 0; i < types->count; i++)
        db_array_add(names, types->list[i].type);
    return db_array_text(names);
}
