#include "kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENT_FD = 3 };

/* The unfinished artifact, for the signal handler; empty is none. */
static char unfinished[PATH_MAX];

/* A cancelled job leaves at once, and no half file. */
static void on_term(int signo)
{
    if (unfinished[0])
        unlink(unfinished);
    signal(signo, SIG_DFL);
    raise(signo);
}

void kit_start(void)
{
    struct sigaction term = {.sa_handler = on_term};
    int fd;

    /* Else the first file that the handler opens would get our events. */
    if (fcntl(EVENT_FD, F_GETFD) < 0) {
        fd = open("/dev/null", O_WRONLY);
        if (fd >= 0 && fd != EVENT_FD) {
            dup2(fd, EVENT_FD);
            close(fd);
        }
    }
    fcntl(EVENT_FD, F_SETFD, FD_CLOEXEC);
    sigemptyset(&term.sa_mask);
    sigaction(SIGTERM, &term, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

const char *kit_job_id(void)
{
    return env("MILLRACE_JOB_ID", "");
}

int kit_attempt(void)
{
    return (int)strtol(env("MILLRACE_ATTEMPT", "1"), NULL, 10);
}

bool kit_payload(json_t **ret, struct fault *err)
{
    json_error_t why;
    int first = getc(stdin);

    if (first == EOF) {
        *ret = json_object();
        return true;
    }
    ungetc(first, stdin);
    *ret = json_loadf(stdin, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (!*ret)
        return fault_set(err, FAULT_USAGE, "invalid_payload",
                         "the payload is not JSON: %s", why.text);
    return true;
}

/* Join folder and name; too long a path is the caller's mistake. */
static bool join(char *ret, const char *dir, const char *between,
                 const char *name, const char *suffix, struct fault *err)
{
    int len = snprintf(ret, PATH_MAX, "%s%s%s%s", dir, between, name, suffix);

    if (len < 0 || len >= PATH_MAX)
        return fault_set(err, FAULT_USAGE, "name_too_long",
                         "the file name is too long");
    return true;
}

/* Files of a name (NULL: any), and the last of them that was met. */
struct search {
    const char *name;
    int count;
    char path[PATH_MAX];
};

/* What the worker itself has put there is no input file. */
static bool is_wanted(const struct search *search, const char *name)
{
    if (search->name)
        return strcmp(name, search->name) == 0;
    return name[0] != '.' && strcmp(name, "dependencies.json") != 0;
}

static void search_dir(struct search *search, const char *dir, bool within)
{
    DIR *stream = opendir(dir);
    struct dirent *entry;
    char path[PATH_MAX];
    struct fault ignored;

    while (stream && (entry = readdir(stream))) {
        if (entry->d_name[0] == '.' ||
            !join(path, dir, "/", entry->d_name, "", &ignored))
            continue;
        if (within && entry->d_type == DT_DIR)
            search_dir(search, path, false);
        if (within || entry->d_type == DT_DIR ||
            !is_wanted(search, entry->d_name))
            continue;
        search->count++;
        memcpy(search->path, path, sizeof(path));
    }
    if (stream)
        closedir(stream);
}

static bool found_one(const struct search *search, struct fault *err)
{
    if (search->count == 1)
        return true;
    if (search->count > 1)
        return fault_set(err, FAULT_USAGE, "ambiguous_input",
                         "the job has %d input files%s%.100s%s; name one",
                         search->count, search->name ? " named \"" : "",
                         search->name ? search->name : "",
                         search->name ? "\"" : "");
    if (search->name)
        return fault_set(err, FAULT_NO_INPUT, "no_input",
                         "the job has no input file \"%.100s\"", search->name);
    return fault_set(err, FAULT_NO_INPUT, "no_input",
                     "the job has no input file");
}

bool kit_input(const char *name, char *ret, struct fault *err)
{
    const char *dir = env("MILLRACE_INPUT_DIR", ".");
    struct search search = {.name = name};

    if (name && (!*name || *name == '.' || strchr(name, '/')))
        return fault_set(err, FAULT_USAGE, "invalid_payload",
                         "\"%.100s\" is not a plain file name", name);
    search_dir(&search, dir, false);
    if (search.count == 0)
        search_dir(&search, dir, true);
    if (!found_one(&search, err))
        return false;
    memcpy(ret, search.path, PATH_MAX);
    if (access(ret, R_OK) != 0)
        return fault_set(err, FAULT_NO_INPUT, "no_input",
                         "cannot read the input file %s: %s", ret,
                         strerror(errno));
    return true;
}

/* Send one event line in one write, so that lines never mix. */
static void send_event(json_t *event)
{
    char *line = json_dumps(event, JSON_COMPACT);
    size_t len = strlen(line);
    ssize_t done;

    line[len++] = '\n'; /* in place of the final 0: len says where it ends */
    for (size_t at = 0; at < len; at += (size_t)done) {
        done = write(EVENT_FD, line + at, len - at);
        if (done < 0)
            break; /* nobody listens: the work goes on */
    }
    free(line);
    json_decref(event);
}

void kit_progress(double percent, const char *fmt, ...)
{
    static int last = -1;
    int whole = (int)percent;
    va_list args;

    if (whole == last)
        return;
    last = whole;
    va_start(args, fmt);
    send_event(json_pack("{s:i, s:o}", "progress", whole, "message",
                         json_vsprintf(fmt, args)));
    va_end(args);
}

bool kit_output_begin(const char *name, struct kit_output *ret,
                      struct fault *err)
{
    const char *dir = env("MILLRACE_OUTPUT_DIR", ".");

    if (!join(ret->path, dir, "/", name, "", err) ||
        !join(ret->temp, dir, "/.", name, ".part", err))
        return false;
    memcpy(unfinished, ret->temp, sizeof(unfinished));
    return true;
}

bool kit_output_keep(const struct kit_output *out, struct fault *err)
{
    if (rename(out->temp, out->path) != 0) {
        int why = errno;

        kit_output_drop(out);
        return fault_set(err, FAULT_RETRY, "output_failed",
                         "cannot write %s: %s", out->path, strerror(why));
    }
    unfinished[0] = 0;
    return true;
}

void kit_output_drop(const struct kit_output *out)
{
    unlink(out->temp);
    unfinished[0] = 0;
}

const char *kit_scratch_dir(void)
{
    static char parent[PATH_MAX];
    const char *own = env("TMPDIR", NULL);
    const char *output = env("MILLRACE_OUTPUT_DIR", ".");

    if (own && access(own, W_OK) == 0)
        return own;
    /* Beside the artifacts, not among them: the disk meant for this job. */
    snprintf(parent, sizeof(parent), "%s/..", output);
    return access(parent, W_OK) == 0 ? parent : output;
}

int kit_result(json_t *result)
{
    /* 15 digits: 25.47 stays that, and is not 25.469999999999999. */
    int bad =
        json_dumpf(result, stdout,
                   JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

    json_decref(result);
    if (putchar('\n') == EOF || fflush(stdout) == EOF || bad)
        return kit_fail(FAULT_RETRY, "output_failed", NULL,
                        "cannot write the result: %s", strerror(errno));
    return EXIT_SUCCESS;
}

int kit_fail(int status, const char *code, json_t *details, const char *fmt,
             ...)
{
    va_list args;
    json_t *message;

    va_start(args, fmt);
    message = json_vsprintf(fmt, args);
    va_end(args);
    if (!message) /* what it quotes is not UTF-8 */
        message = json_string(code);
    fprintf(stderr, "%s\n", json_string_value(message));
    send_event(json_pack("{s:{s:s, s:o, s:o*}}", "error", "code", code,
                         "message", message, "details", details));
    return status;
}

int kit_fail_with(const struct fault *fault)
{
    json_t *where = NULL;

    if (fault->line)
        where = json_pack("{s:I, s:I, s:I}", "row", (json_int_t)fault->row,
                          "line", (json_int_t)fault->line, "column",
                          (json_int_t)fault->column);
    return kit_fail((int)fault->status, fault->code, where, "%s", fault->text);
}
