#include "child.h"

#include "beside.h"
#include "orphan.h"
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#define GUARD "millrace-guard"

struct child {
    LIST_ENTRY(child) next;
    int control; /* -1 after the report */
    struct event *heard;
    child_fn *ended;
    void *arg;
};

/* A guard that has not been reaped; it may outlive the struct child. */
struct guard {
    LIST_ENTRY(guard) next;
    pid_t pid;
};

static LIST_HEAD(, guard) guards = LIST_HEAD_INITIALIZER(guards);

/* What one child is made of while it is started: both ends of each pipe. */
enum { IN, OUT, ERR, EVENTS, CONTROL, ENDS };

struct ends {
    int ours[ENDS], theirs[ENDS];
};

void child_prepare(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= GUARD_CONTROL_FD);
    if (fd > GUARD_CONTROL_FD)
        close(fd);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static const char *guard_path(void)
{
    static char *path;

    if (!path)
        path = beside(NULL, GUARD);
    return path;
}

static void close_all(int fds[ENDS])
{
    for (int i = 0; i < ENDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool open_pipe(struct ends *ends, int which, bool we_write)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    ends->ours[which] = fds[we_write];
    ends->theirs[which] = fds[!we_write];
    /* Only our end: the handler expects pipes that wait. */
    return fcntl(ends->ours[which], F_SETFL, O_NONBLOCK) == 0;
}

static bool open_control(struct ends *ends)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    ends->ours[CONTROL] = fds[0];
    ends->theirs[CONTROL] = fds[1];
    return fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0;
}

static bool open_ends(struct ends *ends, bool events)
{
    *ends = (struct ends){
        {-1, -1, -1, -1, -1},
        {-1, -1, -1, -1, -1}
    };
    if (open_pipe(ends, IN, true) && open_pipe(ends, OUT, false) &&
        open_pipe(ends, ERR, false) && open_control(ends) &&
        (!events || open_pipe(ends, EVENTS, false)))
        return true;
    close_all(ends->ours);
    close_all(ends->theirs);
    return false;
}

static char **guard_argv(void *mem, const struct child_spec *spec)
{
    const char **argv = talloc_array(mem, const char *, 0);
    unsigned count = 0;

#define ADD(word)                                                              \
    (argv = talloc_realloc(mem, argv, const char *, count + 1),                \
     argv[count++] = (word))
    ADD(GUARD);
    ADD("--kill-grace-ms");
    ADD(talloc_asprintf(mem, "%" PRId64, spec->kill_grace_ms));
    for (const char **limit = spec->limits; limit && *limit; limit++) {
        ADD("--rlimit");
        ADD(*limit);
    }
    if (spec->cwd) {
        ADD("--cwd");
        ADD(spec->cwd);
    }
    ADD("--");
    for (const char *const *word = spec->command; *word; word++)
        ADD(*word);
    ADD(NULL);
#undef ADD
    return (char **)(void *)argv;
}

/* Descriptors 0 to 4 are taken in the worker, so no end has such a number. */
static int spawn_guard(const struct child_spec *spec, const struct ends *ends,
                       pid_t *ret)
{
    static const int places[ENDS] = {
        [IN] = STDIN_FILENO,          [OUT] = STDOUT_FILENO,
        [ERR] = STDERR_FILENO,        [EVENTS] = GUARD_EVENTS_FD,
        [CONTROL] = GUARD_CONTROL_FD,
    };
    posix_spawn_file_actions_t actions;
    void *mem = talloc_new(NULL);
    int failed;

    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < ENDS; i++) {
        if (ends->theirs[i] >= 0)
            posix_spawn_file_actions_adddup2(&actions, ends->theirs[i],
                                             places[i]);
        else
            posix_spawn_file_actions_addclose(&actions, places[i]);
    }
    failed = posix_spawn(ret, guard_path(), &actions, NULL,
                         guard_argv(mem, spec), spec->env);
    posix_spawn_file_actions_destroy(&actions);
    talloc_free(mem);
    return failed;
}

static void guard_add(pid_t pid)
{
    struct guard *guard = malloc(sizeof(*guard));

    if (!guard)
        abort();
    guard->pid = pid;
    LIST_INSERT_HEAD(&guards, guard, next);
}

static bool guard_is_ours(pid_t pid)
{
    struct guard *guard;

    LIST_FOREACH(guard, &guards, next)
        if (guard->pid == pid)
            return true;
    return false;
}

static void guard_del(pid_t pid)
{
    struct guard *guard;

    LIST_FOREACH(guard, &guards, next) {
        if (guard->pid == pid) {
            LIST_REMOVE(guard, next);
            free(guard);
            return;
        }
    }
}

static void hang_up(struct child *child)
{
    if (child->control < 0)
        return;
    event_free(child->heard);
    close(child->control);
    child->control = -1;
}

static int child_done(struct child *child)
{
    hang_up(child);
    return 0;
}

/* The report, or the end without one: both processes of the guard were killed,
 * and what they had minded may be our child now. */
static void on_report(evutil_socket_t fd, short what, void *arg)
{
    struct child *child = arg;
    struct guard_report report = {.how = GUARD_LOST};
    ssize_t n = recv(fd, &report, sizeof(report), MSG_DONTWAIT);

    (void)what;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n != (ssize_t)sizeof(report)) {
        report = (struct guard_report){.how = GUARD_LOST};
        orphans_kill(guard_is_ours);
    }
    hang_up(child);
    child->ended(&report, child->arg);
}

static struct child *child_new(void *mem, struct event_base *base, int control,
                               child_fn *ended, void *arg)
{
    struct child *child = talloc_zero(mem, struct child);

    child->control = control;
    child->ended = ended;
    child->arg = arg;
    child->heard =
        event_new(base, control, EV_READ | EV_PERSIST, on_report, child);
    event_add(child->heard, NULL);
    talloc_set_destructor(child, child_done);
    return child;
}

bool child_start(void *mem, struct event_base *base,
                 const struct child_spec *spec, child_fn *ended, void *arg,
                 struct child **ret, struct child_pipes *ret_pipes,
                 struct error *err)
{
    struct ends ends;
    pid_t pid;
    int failed;

    if (!open_ends(&ends, spec->events))
        return error_set(err, ERROR_UNAVAILABLE, "spawn_failed",
                         "cannot make the pipes of a handler: %m");
    failed = spawn_guard(spec, &ends, &pid);
    close_all(ends.theirs);
    if (failed) {
        close_all(ends.ours);
        return error_set(err, ERROR_UNAVAILABLE, "spawn_failed",
                         "cannot start %s: %s", guard_path(), strerror(failed));
    }
    guard_add(pid);
    *ret = child_new(mem, base, ends.ours[CONTROL], ended, arg);
    *ret_pipes = (struct child_pipes){ends.ours[IN], ends.ours[OUT],
                                      ends.ours[ERR], ends.ours[EVENTS]};
    return true;
}

void child_stop(struct child *child, enum guard_command command)
{
    const uint8_t byte = (uint8_t)command;

    if (child->control >= 0)
        send(child->control, &byte, sizeof(byte), MSG_NOSIGNAL);
}

void child_reap(void)
{
    bool strange = false;
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        strange = strange || !guard_is_ours(pid);
        guard_del(pid);
    }
    if (strange)
        orphans_kill(guard_is_ours);
}
