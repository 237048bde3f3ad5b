#include "handler_env.h"

#include "connection_file.h"
#include "environment.h"
#include "sandbox_spec.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

/* A process that uses up its time can still say so before it is killed. */
#define CPU_LAST_WORDS_S 5

/* A bare name is looked for among the handlers, then by exec in PATH. */
static const char *const *command(void *mem, const struct lane *lane)
{
    const char *const *words = lane->type->command;
    unsigned count = 0;
    const char **ret;
    char *path;

    while (words[count])
        count++;
    ret = talloc_memdup(mem, words, (count + 1) * sizeof(*words));
    if (!strchr(words[0], '/')) {
        path = talloc_asprintf(mem, "%s/%s", lane->worker->conf->handler_dir,
                               words[0]);
        if (access(path, X_OK) == 0)
            ret[0] = path;
    }
    return ret;
}

static void add_limit(const char ***limits, const char *name, int64_t soft,
                      int64_t hard)
{
    unsigned count = (unsigned)talloc_array_length(*limits);

    if (soft == 0)
        return;
    *limits = talloc_realloc(NULL, *limits, const char *, count + 1);
    (*limits)[count - 1] =
        talloc_asprintf(*limits, "%s=%" PRId64 ":%" PRId64, name, soft, hard);
    (*limits)[count] = NULL;
}

/* Memory counts as what is allocated to be written: address space alone costs
 * nothing, and some runtimes reserve a lot of it. */
static const char **limits(void *mem, const struct type_limits *of)
{
    const char **list = talloc_zero_array(mem, const char *, 1);
    int64_t cpu_s = (of->cpu_ms + 999) / 1000;

    add_limit(&list, "data", of->memory, of->memory);
    add_limit(&list, "cpu", cpu_s, cpu_s + CPU_LAST_WORDS_S);
    add_limit(&list, "nofile", of->files, of->files);
    add_limit(&list, "fsize", of->file_size, of->file_size);
    add_limit(&list, "nproc", of->processes, of->processes);
    return list;
}

static void set_dirs(struct environment *env, const char *workdir)
{
    char *tmp = talloc_asprintf(env, "%s/tmp", workdir);

    environment_set(env, "HOME", workdir);
    environment_set(env, "TMPDIR", tmp);
}

static void set_job(struct environment *env, const struct attempt *attempt)
{
    char *input = talloc_asprintf(env, "%s/input", attempt->workdir);
    char *output = talloc_asprintf(env, "%s/output", attempt->workdir);
    char *number = talloc_asprintf(env, "%d", attempt->number);

    environment_set(env, "MILLRACE_JOB_ID", attempt->id);
    environment_set(env, "MILLRACE_ATTEMPT", number);
    environment_set(env, "MILLRACE_INPUT_DIR", input);
    environment_set(env, "MILLRACE_OUTPUT_DIR", output);
    if (attempt->connection)
        environment_set(env, "MILLRACE_CONNECTION",
                        connection_file_path(env, attempt));
}

/* What the type says of its own database is not for the one that the job names:
 * its server is anybody's, and libpq would send it PGPASSWORD. */
static bool is_of_another(const char *name, const struct attempt *attempt)
{
    return attempt && attempt->connection &&
           (!strncmp(name, "PG", 2) || !strcmp(name, "MYSQL_PWD") ||
            !strcmp(name, "TARGET_DATABASE_URL"));
}

struct child_spec handler_spec(void *mem, const struct lane *lane,
                               const char *workdir,
                               const struct attempt *attempt)
{
    struct environment *env = environment_new(mem);
    const struct job_type *type = lane->type;

    set_dirs(env, workdir);
    for (const char **pair = type->env; pair && *pair; pair += 2)
        if (!is_of_another(pair[0], attempt))
            environment_set(env, pair[0], pair[1]);
    environment_set(env, "MILLRACE_TYPE", type->type);
    if (attempt)
        set_job(env, attempt);
    if (type->sandbox.on)
        sandbox_set_dirs(env);
    return (struct child_spec){
        .command = type->sandbox.on ? sandbox_command(mem, lane, workdir)
                                    : command(mem, lane),
        .env = environment_list(env),
        .cwd = type->cwd ? type->cwd : workdir,
        .limits = type->sandbox.on ? NULL : limits(mem, &type->limits),
        .kill_grace_ms = lane->worker->conf->kill_grace,
        .events = attempt != NULL,
    };
}
