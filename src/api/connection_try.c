#include "connection_try.h"
#include "api.h"
#include "clock.h"
#include "connection_host.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#define PROGRAM    "connection-test"
#define AT_ONCE    8
#define PATIENCE   20000 /* ms; the program itself waits 10 s for an answer */
#define MAX_OUTPUT 16384
#define EVENTS_FD  3
#define CA_FD      4
#define FREE_FD    10 /* where no descriptor of the child's is */

struct trial {
    struct request *req;
    const struct connection *connection;
    const char *password;
    int in, ca, out[2]; /* -1: not open */
    pid_t pid;
    char output[MAX_OUTPUT];
    size_t len;
};

/* ------------------------------------------------------------ what it gets */

/* A file that only lives in memory, to be read from its beginning. */
static int memory_file(const char *text)
{
    size_t len = strlen(text);
    int low = memfd_create("connection", MFD_CLOEXEC), fd;

    if (low < 0)
        return -1;
    fd = fcntl(low, F_DUPFD_CLOEXEC, FREE_FD);
    close(low);
    if (fd >= 0 &&
        (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool open_pipe(struct trial *trial)
{
    int low[2];

    if (pipe2(low, O_CLOEXEC) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        trial->out[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FREE_FD);
        close(low[i]);
    }
    return trial->out[0] >= 0 && trial->out[1] >= 0;
}

static bool open_files(struct trial *trial)
{
    const char *certificate = trial->connection->ca_certificate;
    char *text = connection_text(trial->req, trial->connection, trial->password,
                                 certificate ? "/dev/fd/4" : NULL);

    trial->in = memory_file(text);
    sodium_memzero(text, strlen(text));
    if (certificate)
        trial->ca = memory_file(certificate);
    return trial->in >= 0 && (trial->ca >= 0 || !certificate) &&
           open_pipe(trial);
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ------------------------------------------------------------ its run */

/* Nothing of our environment helps it: no variable of libpq's, no password
 * file of our user. */
static int spawn(struct trial *trial)
{
    static char home[] = "HOME=/nonexistent", lang[] = "LANG=C.UTF-8";
    char *env[] = {home, lang, NULL};
    char *path = talloc_asprintf(trial->req, "%s/" PROGRAM,
                                 trial->req->api->conf->handler_dir);
    char *argv[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    int failed;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, trial->in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, trial->out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, trial->out[1], EVENTS_FD);
    if (trial->ca >= 0)
        posix_spawn_file_actions_adddup2(&actions, trial->ca, CA_FD);
    failed = posix_spawn(&trial->pid, path, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* All that it says until its end; false: it takes too long. */
static bool listen_to(struct trial *trial)
{
    int64_t deadline = clock_mono_ms() + PATIENCE, left;
    struct pollfd wait = {.fd = trial->out[0], .events = POLLIN};
    ssize_t n;

    while ((left = deadline - clock_mono_ms()) > 0) {
        if (poll(&wait, 1, (int)left) <= 0)
            continue;
        n = read(trial->out[0], trial->output + trial->len,
                 sizeof(trial->output) - 1 - trial->len);
        if (n <= 0)
            return true;
        trial->len += (size_t)n;
    }
    return false;
}

static bool unavailable(const char *what, int why, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "test_unavailable",
                     "the connection cannot be tested: %s: %s", what,
                     strerror(why));
}

static bool run(struct trial *trial, struct error *err)
{
    int failed;
    bool heard;

    if (!open_files(trial))
        return unavailable("no file for it", errno, err);
    failed = spawn(trial);
    close_file(&trial->out[1]);
    if (failed)
        return unavailable(PROGRAM, failed, err);
    heard = listen_to(trial);
    kill(trial->pid, SIGKILL); /* it may have more to say than we listen to */
    while (waitpid(trial->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return heard || error_set(err, ERROR_MISMATCH, "connection_failed",
                              "the server did not answer in time");
}

/* ------------------------------------------------------------ what it says */

/* Servers may repeat what they were given. */
static const char *without_password(struct trial *trial, const char *text)
{
    struct secrets *secrets;
    char *hidden;

    if (!trial->password)
        return text;
    secrets = secrets_with(trial->req, NULL, trial->password);
    hidden = secrets_hide(trial->req, secrets, text, strlen(text));
    return hidden ? hidden : text;
}

static bool refused(struct trial *trial, struct response *res,
                    const json_t *said, struct error *err)
{
    const char *text = json_string_value(json_object_get(said, "message"));
    const char *code = json_string_value(json_object_get(said, "code"));
    struct json_out *details = json_out_new(trial->req);

    json_begin_object(details, NULL);
    json_add_string(details, "code", code ? code : "connection_failed");
    json_end(details);
    res->details = json_out_text(details, NULL);
    return error_set(err, ERROR_MISMATCH, "connection_failed", "%s",
                     without_password(trial, text ? text : "no reason given"));
}

/* Lines of JSON: an error, or else the result. */
static bool judge(struct trial *trial, struct response *res,
                  const char **ret_version, struct error *err)
{
    const char *version;
    char *save = NULL, *line = strtok_r(trial->output, "\n", &save);
    bool ok = false;

    for (; line && !ok; line = strtok_r(NULL, "\n", &save)) {
        json_t *json = json_loads(line, 0, NULL);
        json_t *error = json_object_get(json, "error");

        if (error) {
            refused(trial, res, error, err);
            json_decref(json);
            return false;
        }
        version = json_string_value(json_object_get(json, "serverVersion"));
        ok = version != NULL;
        if (ok)
            *ret_version = talloc_strdup(trial->req,
                                         without_password(trial, version));
        json_decref(json);
    }
    return ok || error_set(err, ERROR_MISMATCH, "connection_failed",
                           "the server's answer was not understood");
}

static bool try_now(struct request *req, struct response *res,
                    const struct connection *connection, const char *password,
                    const char **ret_version, struct error *err)
{
    struct trial *trial = talloc_zero(req, struct trial);
    bool ok;

    trial->req = req;
    trial->connection = connection;
    trial->password = password;
    trial->in = trial->ca = trial->out[0] = trial->out[1] = -1;
    ok = connection_host_allowed(req->api->conf->connection_hosts,
                                 connection->host, err) &&
         run(trial, err) && judge(trial, res, ret_version, err);
    close_file(&trial->in);
    close_file(&trial->ca);
    close_file(&trial->out[0]);
    close_file(&trial->out[1]);
    talloc_free(trial);
    return ok;
}

bool connection_try(struct request *req, struct response *res,
                    const struct connection *connection, const char *password,
                    const char **ret_version, struct error *err)
{
    struct api *api = req->api;
    bool ok;

    if (atomic_fetch_add(&api->trials, 1) >= AT_ONCE)
        ok = error_set(err, ERROR_BUSY, "busy",
                       "many connections are being tested just now");
    else
        ok = try_now(req, res, connection, password, ret_version, err);
    atomic_fetch_sub(&api->trials, 1);
    return ok;
}
