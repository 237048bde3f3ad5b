/*
 * "sandbox": what a type's handlers may have who are not trusted.
 */
#include "type_member.h"

#include <string.h>
#include <talloc.h>

#define MB (1024 * 1024)

static const struct type_sandbox sandbox_default = {
    .on = true,
    .memory = 512 * MB,
    .tmp_size = 128 * MB,
    .output_size = 256 * MB,
    .output_files = 1000,
    .processes = 64,
};

/* What the sandbox has of its own is not to be covered. */
static bool is_shared_path(const char *path)
{
    static const char *const own[] = {"/tmp", "/proc", "/dev", "/handlers"};

    if (*path != '/' || !path[1] || strstr(path, "/../") ||
        !strcmp(path + strlen(path) - 1, "/"))
        return false;
    for (size_t i = 0; i < COUNT(own); i++)
        if (!strcmp(path, own[i]))
            return false;
    return true;
}

static bool read_paths(void *mem, const struct member *member, json_t *value,
                       struct job_type *type, struct error *err)
{
    size_t count = json_array_size(value), i;
    const char **paths =
        talloc_zero_array(mem, const char *, (unsigned)count + 1);
    json_t *path;

    json_array_foreach(value, i, path) {
        const char *text = json_string_value(path);

        if (text && is_shared_path(text))
            paths[i] = talloc_strdup(paths, text);
    }
    for (i = 0; i < count && paths[i];)
        i++;
    type->sandbox.read_only = paths;
    return (json_is_array(value) && count <= 32 && i == count) ||
           member_refuse(member->name,
                         "an array of at most 32 absolute paths that the "
                         "sandbox does not have itself",
                         err);
}

/* clang-format off */
static const struct member sandbox_members[] = {
    {"sandbox.memory",      member_size,     AT(sandbox.memory),       0, 0},
    {"sandbox.tmpSize",     member_size,     AT(sandbox.tmp_size),     0, 0},
    {"sandbox.outputSize",  member_size,     AT(sandbox.output_size),  0, 0},
    {"sandbox.outputFiles", member_number,   AT(sandbox.output_files), 1, 100000},
    {"sandbox.cpu",         member_duration, AT(sandbox.cpu_ms),       0, 0},
    {"sandbox.processes",   member_number,   AT(sandbox.processes),    1, 10000},
    {"sandbox.readOnly",    read_paths,      0,                        0, 0},
};
/* clang-format on */

bool type_read_sandbox(void *mem, const struct member *member, json_t *value,
                       struct job_type *type, struct error *err)
{
    if (json_is_false(value))
        return true;
    if (!json_is_true(value) && !json_is_object(value))
        return member_refuse(member->name, "true, false or an object of limits",
                             err);
    type->sandbox = sandbox_default;
    return json_is_true(value) ||
           member_object(mem, "sandbox.", sandbox_members,
                         COUNT(sandbox_members), value, type, err);
}

static bool refuse(const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_type",
                     "%s, but the type has a sandbox", what);
}

bool type_check_sandbox(const struct job_type *type, struct error *err)
{
    if (!type->sandbox.on)
        return true;
    if (type->cwd)
        return refuse("run.cwd is a folder of the machine", err);
    if (type->kind == TYPE_PROCESS && type->files)
        return refuse(
            "run.files is for processes that see the folders of "
            "their jobs",
            err);
    return true;
}
