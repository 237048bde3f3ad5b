/*
 * How a type's jobs are run: "run" and "limits".
 */
#include "type_member.h"

#include <string.h>
#include <talloc.h>

/* A relative path would depend on where the worker was started. */
static bool program_is_good(const char *program)
{
    return *program == '/' || (*program && !strchr(program, '/'));
}

static bool read_command(void *mem, const struct member *member, json_t *value,
                         struct job_type *type, struct error *err)
{
    size_t count = json_array_size(value);
    json_t *word;
    size_t i;

    if (count == 0)
        return member_refuse(member->name,
                             "an array of strings, the program first", err);
    type->command = talloc_zero_array(mem, const char *, (unsigned)count + 1);
    json_array_foreach(value, i, word) {
        if (!json_is_string(word))
            return member_refuse(member->name,
                                 "an array of strings, the program first", err);
        type->command[i] = talloc_strdup(mem, json_string_value(word));
    }
    if (!program_is_good(type->command[0]))
        return member_refuse(
            member->name, "begun by a program's absolute path or its bare name",
            err);
    return true;
}

static bool variable_is_good(const char *name, json_t *value)
{
    (void)value;
    return *name && !strchr(name, '=') &&
           (strncmp(name, "MILLRACE_", strlen("MILLRACE_")) != 0 ||
            strcmp(name, "MILLRACE_CONNECTION") == 0);
}

static bool read_env(void *mem, const struct member *member, json_t *value,
                     struct job_type *type, struct error *err)
{
    return member_pairs(mem, member, value, variable_is_good,
                        "an object of strings; names that begin with "
                        "MILLRACE_ are not free",
                        type, err);
}

/* clang-format off */
static const struct member run_members[] = {
    {"run.kind",      member_text,     CHECKED,        0, 0},
    {"run.command",   read_command,    0,              0, 0},
    {"run.env",       read_env,        AT(env),        0, 0},
    {"run.cwd",       member_path,     AT(cwd),        0, 0},
    {"run.processes", member_number,   AT(processes),  1, 1000},
    {"run.pipeline",  member_number,   AT(pipeline),   1, 10000},
    {"run.maxJobs",   member_number,   AT(max_jobs),   1, ANY},
    {"run.maxAge",    member_duration, AT(max_age_ms), 0, 0},
    {"run.files",     member_flag,     AT(files),      0, 0},
};

static const struct member limit_members[] = {
    {"limits.memory",    member_size,     AT(limits.memory),    0, 0},
    {"limits.cpu",       member_duration, AT(limits.cpu_ms),    0, 0},
    {"limits.files",     member_number,   AT(limits.files),     8, ANY},
    {"limits.fileSize",  member_size,     AT(limits.file_size), 0, 0},
    {"limits.processes", member_number,   AT(limits.processes), 1, ANY},
};
/* clang-format on */

static bool read_command_run(void *mem, json_t *run, struct job_type *type,
                             struct error *err)
{
    return member_object(mem, "run.", run_members, COUNT(run_members), run,
                         type, err) &&
           (type->command || type_missing("run.command", err));
}

/* To add a kind: 1. its word here, 2. a reader in a file of its own, 3. its
 * struct handler in the worker, in lane.c. */
static const struct kind {
    const char *name;
    enum type_kind kind;
    bool (*read)(void *mem, json_t *run, struct job_type *type,
                 struct error *err);
} kinds[] = {
    {"program", TYPE_PROGRAM, read_command_run },
    {"process", TYPE_PROCESS, read_command_run },
    {"fastcgi", TYPE_FASTCGI, type_read_fastcgi},
    {"http",    TYPE_HTTP,    type_read_http   },
};

static const struct kind *kind_by_name(const char *name)
{
    for (size_t i = 0; name && i < COUNT(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

/* What the other members are depends on the kind. */
bool type_read_run(void *mem, const struct member *member, json_t *value,
                   struct job_type *type, struct error *err)
{
    json_t *name = json_object_get(value, "kind");
    const struct kind *kind = kind_by_name(json_string_value(name));

    if (!json_is_object(value))
        return member_refuse(member->name, "an object", err);
    if (!name)
        return type_missing("run.kind", err);
    if (!kind)
        return member_refuse(
            "run.kind", "\"program\", \"process\", \"fastcgi\" or \"http\"",
            err);
    type->kind = kind->kind;
    return kind->read(mem, value, type, err);
}

bool type_read_limits(void *mem, const struct member *member, json_t *value,
                      struct job_type *type, struct error *err)
{
    if (!json_is_object(value))
        return member_refuse(member->name, "an object", err);
    return member_object(mem, "limits.", limit_members, COUNT(limit_members),
                         value, type, err);
}

/* What a server may use is set where it is. */
static bool check_server(json_t *root, struct error *err)
{
    json_t *sandbox = json_object_get(root, "sandbox");

    if (!json_object_get(root, "limits") &&
        (!sandbox || json_is_false(sandbox)))
        return true;
    return error_set(err, ERROR_INVALID, "invalid_type",
                     "limits and sandbox are for programs and processes: a "
                     "server has its own");
}

bool type_check_run(const struct job_type *type, json_t *root,
                    struct error *err)
{
    static const char *const warm[] = {"processes", "pipeline", "maxJobs",
                                       "maxAge"};
    json_t *run = json_object_get(root, "run");

    if (type->kind == TYPE_FASTCGI || type->kind == TYPE_HTTP)
        return check_server(root, err);
    for (size_t i = 0; i < COUNT(warm) && type->kind == TYPE_PROGRAM; i++)
        if (json_object_get(run, warm[i]))
            return error_set(err, ERROR_INVALID, "invalid_type",
                             "run.%s is only for the kind \"process\"",
                             warm[i]);
    return true;
}
