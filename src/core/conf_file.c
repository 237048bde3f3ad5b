#include "conf_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static char *skip_space(char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static void cut_space_at_end(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
}

/*
 * The value in place: without its quotes, or without a comment behind it. No
 * error shows what was read, here and below: it may be a password.
 */
static bool take_value(const char *name, char *at, const char **ret,
                       struct error *err)
{
    char *end;

    if (*at == '"' || *at == '\'') {
        end = strchr(at + 1, *at);
        if (!end)
            return error_set(err, ERROR_INVALID, "invalid_setting",
                             "%s begins with %c and should end with it", name,
                             *at);
        *end++ = '\0';
        end = skip_space(end);
        if (*end && *end != '#')
            return error_set(err, ERROR_INVALID, "invalid_setting",
                             "%s goes on after its closing quote", name);
        *ret = at + 1;
        return true;
    }

    for (end = at; *end; end++)
        if (*end == '#' && (end == at || isspace((unsigned char)end[-1])))
            break;
    *end = '\0';
    cut_space_at_end(at);
    *ret = at;
    return true;
}

/* ret->name becomes NULL where the line says nothing. */
static bool read_line(char *text, struct conf_line *ret, struct error *err)
{
    static const char export[] = "export";
    char *at = skip_space(text), *equals;

    ret->name = NULL;
    if (!*at || *at == '#')
        return true;
    if (!strncmp(at, export, sizeof(export) - 1) &&
        isspace((unsigned char)at[sizeof(export) - 1]))
        at = skip_space(at + sizeof(export));

    equals = strchr(at, '=');
    if (!equals || equals == at)
        return error_set(err, ERROR_INVALID, "invalid_setting",
                         "the line should be NAME=value or a # comment");
    *equals = '\0';
    cut_space_at_end(at);
    ret->name = at;
    return take_value(at, skip_space(equals + 1), &ret->value, err);
}

static bool read_lines(void *mem, FILE *file, const char *path,
                       struct conf_line **ret, size_t *ret_count,
                       struct error *err)
{
    struct conf_line line = {0};
    char *text = NULL;
    size_t size = 0;
    bool ok = true;

    while (ok && getline(&text, &size, file) >= 0) {
        line.number++;
        ok = read_line(talloc_strdup(mem, text), &line, err);
        if (!ok) {
            error_prefix(err, "%s:%d", path, line.number);
        } else if (line.name) {
            *ret = talloc_realloc(mem, *ret, struct conf_line,
                                  (unsigned)*ret_count + 1);
            (*ret)[(*ret_count)++] = line;
        }
    }
    free(text);
    return ok;
}

bool conf_file_read(void *mem, const char *path, struct conf_line **ret,
                    size_t *ret_count, struct error *err)
{
    FILE *file = fopen(path, "re");
    bool ok;

    if (!file)
        return error_set(err,
                         errno == ENOENT ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE,
                         "no_settings", "cannot read %s: %m", path);
    *ret = NULL;
    *ret_count = 0;
    ok = read_lines(mem, file, path, ret, ret_count, err);
    if (ok && ferror(file))
        ok = error_set(err, ERROR_UNAVAILABLE, "no_settings",
                       "cannot read %s: %m", path);
    fclose(file);
    return ok;
}
