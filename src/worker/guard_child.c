#include "guard_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLER_UMASK         027
#define HANDLER_OOM_SCORE_ADJ "500"

/* Tell the guard, and in words whoever reads the job's log. */
static _Noreturn void fail(int failure_fd, enum guard_outcome how,
                           const char *what)
{
    struct guard_child_failure failure = {.how = (int32_t)how, .code = errno};

    if (write(failure_fd, &failure, sizeof(failure)) < 0)
        _exit(126);
    dprintf(STDERR_FILENO, "millrace-guard: %s: %m\n", what);
    _exit(127);
}

/* Under memory pressure a handler goes before the daemons do; where that may
   not be set, it is as likely a victim as they are. */
static void raise_oom_score(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, HANDLER_OOM_SCORE_ADJ, sizeof(HANDLER_OOM_SCORE_ADJ) - 1);
    close(fd);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The end of the parent kills us; false if it has ended before we said so. */
static bool die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return false;
    errno = ESRCH;
    return getppid() == parent;
}

static _Noreturn void run(const struct guard_options *options, pid_t parent,
                          int failure_fd)
{
    umask(HANDLER_UMASK);
    raise_oom_score();
    if (!die_with(parent) || setsid() < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        fail(failure_fd, GUARD_FAILED, "cannot detach the handler");
    if (options->cwd && chdir(options->cwd))
        fail(failure_fd, GUARD_FAILED, options->cwd);
    if (close_range(GUARD_CONTROL_FD, ~0U, CLOSE_RANGE_CLOEXEC))
        fail(failure_fd, GUARD_FAILED, "cannot close descriptors");
    if (!guard_limits_set(&options->limits))
        fail(failure_fd, GUARD_FAILED, "cannot set resource limits");

    reset_signals();
    execvp(options->command[0], options->command);
    fail(failure_fd, GUARD_EXEC_FAILED, options->command[0]);
}

bool guard_child_start(const struct guard_options *options, pid_t *ret,
                       int *ret_failure_fd)
{
    pid_t parent = getpid(), child;
    int failure[2];

    if (pipe2(failure, O_CLOEXEC | O_NONBLOCK))
        return false;
    child = fork();
    if (child < 0)
        return false;
    if (child == 0)
        run(options, parent, failure[1]);
    close(failure[1]);
    *ret = child;
    *ret_failure_fd = failure[0];
    return true;
}

bool guard_child_failed(int failure_fd, struct guard_child_failure *ret)
{
    return read(failure_fd, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}
