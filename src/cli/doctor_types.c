#include "doctor.h"

#include "queries.h"
#include "type.h"

#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

/* As the worker finds a handler: a bare name first in the handler folder, then
 * along the PATH. */
static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           access(path, X_OK) == 0;
}

static bool on_path(void *mem, const char *name)
{
    const char *path =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
        "/sbin:/bin";

    while (*path) {
        size_t len = strcspn(path, ":");

        if (is_program(talloc_asprintf(mem, "%.*s/%s", (int)len, path, name)))
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static bool has_handler(const struct doctor *doctor, const char *command)
{
    if (strchr(command, '/'))
        return is_program(command);
    return is_program(talloc_asprintf(doctor->mem, "%s/%s",
                                      doctor->conf.handler_dir, command)) ||
           on_path(doctor->mem, command);
}

static bool check_command(struct doctor *doctor, const struct job_type *type)
{
    const char *command = type->command[0];

    if (has_handler(doctor, command))
        return true;
    doctor_note(doctor, VERDICT_FAIL, "types",
                "put it there (executable), or correct run.command of the type",
                "the handler %s of type %s is neither in %s nor on the PATH",
                command, type->type, doctor->conf.handler_dir);
    return false;
}

static bool check_secret(struct doctor *doctor, const struct job_type *type)
{
    const char *path = type->http.secret_file;

    if (!path || access(path, R_OK) == 0)
        return true;
    doctor_note(doctor, VERDICT_FAIL, "types",
                "make it, readable to the worker alone, or correct "
                "run.secretFile of the type",
                "%s, the secret of type %s, cannot be read: %m", path,
                type->type);
    return false;
}

static bool check_handlers(struct doctor *doctor, const struct job_types *types)
{
    bool ok = true;

    for (int i = 0; i < types->count; i++) {
        const struct job_type *type = &types->list[i];

        if (type->command)
            ok = check_command(doctor, type) && ok;
        if (type->kind == TYPE_HTTP)
            ok = check_secret(doctor, type) && ok;
    }
    return ok;
}

/* Types that lie here, but that no worker has read yet. */
static void check_registered(struct doctor *doctor,
                             const struct job_types *types)
{
    struct db_result *rows;
    struct error err;
    struct db *db;

    if (!db_open(doctor->mem, doctor->conf.database_url, &db, &err) ||
        !db_query(db, doctor->mem, SQL_DOCTOR_UNREGISTERED,
                  DB_ARGS(type_names(doctor->mem, types)), &rows, &err))
        return;
    for (int i = 0; i < db_count(rows); i++)
        doctor_note(doctor, VERDICT_WARN, "types",
                    "systemctl reload millrace-worker",
                    "no worker has registered type %s, whose file is in %s",
                    db_text(rows, i, "type"), doctor->conf.types_dir);
}

static void check_types_dir(struct doctor *doctor, const struct stat *st)
{
    if (st->st_mode & S_IWOTH)
        doctor_note(doctor, VERDICT_FAIL, "types",
                    talloc_asprintf(doctor->mem, "chmod o-w %s",
                                    doctor->conf.types_dir),
                    "everybody on this host can add job types in %s, and so "
                    "run programs as the worker",
                    doctor->conf.types_dir);
}

void doctor_types(struct doctor *doctor)
{
    const char *dir = doctor->conf.types_dir;
    struct job_types types;
    struct error err;
    struct stat st;

    if (stat(dir, &st) < 0) {
        doctor_note(doctor, VERDICT_WARN, "types",
                    "a host of a worker needs it", "%s cannot be read: %m",
                    dir);
        return;
    }
    check_types_dir(doctor, &st);
    if (!type_read_all(doctor->mem, dir, &types, &err)) {
        doctor_note(doctor, VERDICT_FAIL, "types",
                    "correct it; a worker keeps to what it read before, or "
                    "does not start",
                    "%s", err.text);
        return;
    }
    if (check_handlers(doctor, &types))
        doctor_note(doctor, VERDICT_OK, "types", NULL,
                    "%d in %s, each with its handler", types.count, dir);
    check_registered(doctor, &types);
    doctor_sandbox(doctor, &types);
}
