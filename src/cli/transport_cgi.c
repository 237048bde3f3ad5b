#include "transport.h"

#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#define PROGRAM "millrace-api"

struct cgi {
    struct transport base;
    const char *program;
    const char *trust; /* NAME: who asks, see src/api/cgi.h */
    const char *config;
    const char *database_url, *data_dir;
};

/* Where this program's sibling lies: beside it, or in ../sbin, or where it was
 * to be installed. */
static const char *find_program(void *mem)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    const char *path;
    char *slash;

    self[len < 0 ? 0 : len] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    path = talloc_asprintf(mem, "%s/" PROGRAM, self);
    if (access(path, X_OK) == 0)
        return path;
    path = talloc_asprintf(mem, "%s/../sbin/" PROGRAM, self);
    return access(path, X_OK) == 0 ? path : SBINDIR "/" PROGRAM;
}

/* ------------------------------------------------------------ environment */

/* What the child does not get of our environment: variables that would pass for
 * a web server's, and those that it gets new. */
static bool is_kept(const char *variable)
{
    static const char *const others[] = {"SERVER_",
                                         "REMOTE_",
                                         "SCRIPT_",
                                         "PATH_INFO",
                                         "PATH_",
                                         "HTTP_",
                                         "HTTPS=",
                                         "DOCUMENT_ROOT",
                                         "AUTH_",
                                         "QUERY_",
                                         "CONTENT_",
                                         "GATEWAY_INTERFACE",
                                         "REQUEST_",
                                         "REDIRECT_",
                                         "MILLRACE_TRUST=",
                                         "MILLRACE_CONFIG=",
                                         "MILLRACE_LOG_LEVEL=",
                                         "DATABASE_URL="};

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (!strncmp(variable, others[i], strlen(others[i])))
            return false;
    return true;
}

struct environment {
    const char **list;
    unsigned count;
};

static void add(struct environment *env, const char *name, const char *value)
{
    if (!value)
        return;
    env->list = talloc_realloc(NULL, env->list, const char *, env->count + 2);
    env->list[env->count++] = talloc_asprintf(env->list, "%s=%s", name, value);
    env->list[env->count] = NULL;
}

static const char **environment_of(void *mem, const struct cgi *cgi,
                                   const struct ask *ask, int64_t length)
{
    const char *query = strchr(ask->path, '?');
    struct environment env = {talloc_zero_array(mem, const char *, 1), 0};

    for (char *const *at = environ; *at; at++) {
        if (!is_kept(*at))
            continue;
        env.list = talloc_realloc(mem, env.list, const char *, env.count + 2);
        env.list[env.count++] = *at;
    }
    add(&env, "DATABASE_URL", cgi->database_url);
    add(&env, "MILLRACE_CONFIG", cgi->config);
    add(&env, "MILLRACE_LOG_LEVEL", "error");
    add(&env, "MILLRACE_TRUST",
        talloc_asprintf(mem, "%d:%s", getpid(), cgi->trust));
    add(&env, "GATEWAY_INTERFACE", "CGI/1.1");
    add(&env, "REQUEST_METHOD", ask->method);
    add(&env, "REQUEST_URI", ask->path);
    add(&env, "QUERY_STRING", query ? query + 1 : "");
    add(&env, "HTTP_IDEMPOTENCY_KEY", ask->idempotency_key);
    if (length >= 0) {
        add(&env, "CONTENT_LENGTH",
            talloc_asprintf(mem, "%lld", (long long)length));
        add(&env, "CONTENT_TYPE",
            ask->file ? ask->content_type ? ask->content_type
                                          : "application/octet-stream"
                      : "application/json");
    }
    return env.list;
}

/* ------------------------------------------------------------ the child */

/* A body without a name in any folder. */
static int body_fd(const char *text, size_t len)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < len) {
        ssize_t count = write(fd, text + done, len - done);

        if (count < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
}

/* What the child reads on its stdin, and how much. -1: nothing. */
static bool open_body(const struct ask *ask, int *ret_fd, int64_t *ret_length,
                      struct error *err)
{
    struct stat st;
    int fd;

    *ret_length = -1;
    if (ask->file)
        fd = open(ask->file, O_RDONLY | O_CLOEXEC);
    else if (ask->body)
        fd = body_fd(ask->body, strlen(ask->body));
    else
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(err, ERROR_INVALID, "unreadable", "cannot read %s: %m",
                         ask->file ? ask->file : "body");
    if (ask->file || ask->body)
        *ret_length = st.st_size;
    *ret_fd = fd;
    return true;
}

/* What is uploaded must be the daemons': root acts as the owner of their
 * folder. */
static bool act_as_owner(const struct cgi *cgi)
{
    struct stat st;

    return stat(cgi->data_dir, &st) < 0 || st.st_uid == 0 ||
           (setgroups(0, NULL) == 0 && setgid(st.st_gid) == 0 &&
            setuid(st.st_uid) == 0);
}

/* In the child: nothing but async-signal-safe calls. */
static _Noreturn void become(const struct cgi *cgi, bool uploads, int in,
                             int out, const char **env)
{
    const char *const argv[] = {PROGRAM, NULL};

    if (uploads && geteuid() == 0 && !act_as_owner(cgi))
        _exit(126);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        execve(cgi->program, (char *const *)(uintptr_t)argv,
               (char *const *)(uintptr_t)env);
    _exit(127);
}

static bool start(const struct cgi *cgi, bool uploads, int in, const char **env,
                  pid_t *ret_pid, int *ret_out, struct error *err)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, ERROR_INTERNAL, "internal_error",
                         "cannot make a pipe: %m");
    pid = fork();
    if (pid == 0)
        become(cgi, uploads, in, ends[1], env);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_set(err, ERROR_INTERNAL, "internal_error",
                         "cannot start a process: %m");
    }
    *ret_pid = pid;
    *ret_out = ends[0];
    return true;
}

static void read_all(int fd, struct buf *into)
{
    ssize_t count;

    do {
        buf_grow(into, 16384);
        count = read(fd, into->data + into->len, 16384);
        into->len += count > 0 ? (size_t)count : 0;
    } while (count > 0 || (count < 0 && errno == EINTR));
}

static int end_of(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ------------------------------------------------------------ the answer */

/* A header of the answer, or ""; `head` ends before the empty line. */
static const char *header(void *mem, const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = head; at; at = strstr(at, "\r\n")) {
        at += at == head ? 0 : 2;
        if (!strncasecmp(at, name, len) && at[len] == ':')
            return talloc_strndup(mem, at + len + 2,
                                  strcspn(at + len + 2, "\r"));
    }
    return "";
}

static bool read_answer(void *mem, const struct cgi *cgi, struct buf *out,
                        int code, struct answer *ret, struct error *err)
{
    const char *text = buf_text(out), *end = strstr(text, "\r\n\r\n");
    const char *head;

    if (code != 0 || !end)
        return error_set(err, ERROR_INTERNAL, "internal_error",
                         "%s did not answer (it ended with %d)%s", cgi->program,
                         code, code == 127 ? ": is it installed?" : "");
    head = talloc_strndup(mem, text, (size_t)(end - text));
    *ret = (struct answer){
        .status = (int)strtol(header(mem, head, "Status"), NULL, 10),
        .body = end + 4,
        .len = out->len - (size_t)(end + 4 - text),
        .retry_after = header(mem, head, "Retry-After"),
    };
    return true;
}

static bool send_cgi(struct transport *transport, void *mem,
                     const struct ask *ask, struct answer *ret,
                     struct error *err)
{
    struct cgi *cgi = (struct cgi *)transport;
    int64_t length = -1;
    struct buf out;
    int in = -1, fd = -1;
    pid_t pid = -1;
    bool ok;

    if (!open_body(ask, &in, &length, err))
        return false;
    ok = start(cgi, ask->file, in, environment_of(mem, cgi, ask, length), &pid,
               &fd, err);
    close(in);
    if (!ok)
        return false;
    buf_init(&out, mem, 16384);
    read_all(fd, &out);
    close(fd);
    return read_answer(mem, cgi, &out, end_of(pid), ret, err);
}

struct transport *transport_cgi(void *mem, const struct conf *conf,
                                const char *config, const char *user)
{
    struct cgi *cgi = talloc_zero(mem, struct cgi);

    cgi->base = (struct transport){.place = "the database", .send = send_cgi};
    cgi->program = find_program(cgi);
    cgi->trust = user;
    cgi->config = config;
    cgi->database_url = conf->database_url;
    cgi->data_dir = conf->data_dir;
    return &cgi->base;
}
