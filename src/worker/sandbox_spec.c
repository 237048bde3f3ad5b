#include "sandbox_spec.h"

#include "beside.h"
#include "sandbox.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#define OPEN_FILES 256

/* In /tmp, in all; each takes memory of the kernel that its size does not tell.
 */
#define TMP_FILES 50000

/* What is written and removed again takes room meanwhile: so much more than
 * the output may have is the most. */
#define REWRITTEN 8

/* The first process within is none of the handler's, nor is the main one one
 * of those that it may start. */
#define OWN_PROCESSES 2

#define CPU_LAST_WORDS_S 5

struct line {
    const char **words; /* NULL-terminated */
    unsigned count;
};

static void add(struct line *line, const char *word)
{
    line->words =
        talloc_realloc(NULL, line->words, const char *, line->count + 2);
    line->words[line->count++] = word;
    line->words[line->count] = NULL;
}

static void add_pair(struct line *line, const char *option, const char *value)
{
    if (!value || !*value)
        return;
    add(line, option);
    add(line, value);
}

static void add_limit(struct line *line, const char *name, int64_t value)
{
    if (value)
        add_pair(line, "--limit",
                 talloc_asprintf(line->words, "%s=%" PRId64, name, value));
}

static void add_rlimit(struct line *line, const char *name, int64_t soft,
                       int64_t hard)
{
    add_pair(line, "--rlimit",
             talloc_asprintf(line->words, "%s=%" PRId64 ":%" PRId64, name, soft,
                             hard));
}

static void add_limits(struct line *line, const struct type_sandbox *sandbox)
{
    add_limit(line, "memory", sandbox->memory);
    add_limit(line, "tmp-size", sandbox->tmp_size);
    add_limit(line, "tmp-files", TMP_FILES);
    add_limit(line, "output-size", sandbox->output_size);
    add_limit(line, "output-files", sandbox->output_files);
    add_limit(line, "written", sandbox->output_size * REWRITTEN);
    add_limit(line, "cpu-ms", sandbox->cpu_ms);
}

/* Those of each process; what the type says of one counts. */
static void add_rlimits(struct line *line, const struct job_type *type)
{
    const struct type_sandbox *sandbox = &type->sandbox;
    int64_t largest = sandbox->output_size > sandbox->tmp_size
                          ? sandbox->output_size
                          : sandbox->tmp_size;
    int64_t memory =
        type->limits.memory ? type->limits.memory : sandbox->memory;
    int64_t files = type->limits.files ? type->limits.files : OPEN_FILES;
    int64_t file_size =
        type->limits.file_size ? type->limits.file_size : largest;
    int64_t processes = sandbox->processes + OWN_PROCESSES;
    int64_t cpu_s = (type->limits.cpu_ms + 999) / 1000;

    add_rlimit(line, "data", memory, memory);
    add_rlimit(line, "nofile", files, files);
    add_rlimit(line, "fsize", file_size, file_size);
    add_rlimit(line, "nproc", processes, processes);
    add_rlimit(line, "core", 0, 0);
    if (cpu_s)
        add_rlimit(line, "cpu", cpu_s, cpu_s + CPU_LAST_WORDS_S);
}

static void add_folders(struct line *line, const struct lane *lane,
                        const char *workdir)
{
    const struct conf *conf = lane->worker->conf;
    const char **path = lane->type->sandbox.read_only;

    add_pair(line, "--bwrap", conf->bubblewrap);
    add_pair(line, "--handlers", conf->handler_dir);
    add_pair(line, "--input",
             talloc_asprintf(line->words, "%s/input", workdir));
    add_pair(line, "--output",
             talloc_asprintf(line->words, "%s/output", workdir));
    for (; path && *path; path++)
        add_pair(line, "--read-only", *path);
    add_pair(line, "--hide", conf->data_dir);
    add_pair(line, "--hide", conf->run_dir);
    add_pair(line, "--hide", conf->types_dir);
}

/* A handler's own path is another one within. */
static const char *within(void *mem, const struct lane *lane,
                          const char *program)
{
    const char *folder = lane->worker->conf->handler_dir;
    size_t len = strlen(folder);
    char *path;

    if (strchr(program, '/'))
        return !strncmp(program, folder, len) && program[len] == '/'
                   ? talloc_asprintf(mem, SANDBOX_HANDLERS "%s", program + len)
                   : program;
    path = talloc_asprintf(mem, "%s/%s", folder, program);
    return access(path, X_OK) == 0
               ? talloc_asprintf(mem, SANDBOX_HANDLERS "/%s", program)
               : program;
}

const char *const *sandbox_command(void *mem, const struct lane *lane,
                                   const char *workdir)
{
    struct line line = {.words = talloc_zero_array(mem, const char *, 1)};
    const char *const *word = lane->type->command;

    add(&line, beside(mem, "millrace-sandbox"));
    add_folders(&line, lane, workdir);
    add_limits(&line, &lane->type->sandbox);
    add_rlimits(&line, lane->type);
    add(&line, "--");
    add(&line, within(mem, lane, *word++));
    for (; *word; word++)
        add(&line, *word);
    return line.words;
}

void sandbox_set_dirs(struct environment *env)
{
    environment_set(env, "HOME", SANDBOX_HOME);
    environment_set(env, "TMPDIR", SANDBOX_HOME);
    environment_set(env, "MILLRACE_INPUT_DIR", SANDBOX_INPUT);
    environment_set(env, "MILLRACE_OUTPUT_DIR", SANDBOX_OUTPUT);
}
