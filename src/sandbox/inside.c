/*
 * The first process in the sandbox. It is the parent of all that loses its own,
 * no signal from within reaches it, and with its end all of the sandbox ends.
 */
#include "inside.h"

#include "guard_limits.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANDLER_FDS 4

static bool say(int status_fd, enum sandbox_event event, int code)
{
    struct sandbox_status status = {(int32_t)event, code};

    return write(status_fd, &status, sizeof(status)) == sizeof(status);
}

/* What bwrap said on its stderr was not for the job's log; the handler gets
 * the one that is. */
static bool take_descriptors(int status_fd, int stderr_fd)
{
    if (dup2(stderr_fd, STDERR_FILENO) < 0)
        return false;
    return close_range(HANDLER_FDS, (unsigned)status_fd - 1, 0) == 0 &&
           close_range((unsigned)status_fd, (unsigned)status_fd,
                       CLOSE_RANGE_CLOEXEC) == 0 &&
           close_range((unsigned)status_fd + 1, ~0U, 0) == 0;
}

/* Gives the place of the program in argv, 0 where a limit is wrong. */
static int set_limits(int argc, char *argv[], int at)
{
    struct guard_limits limits = {.count = 0};

    for (; at < argc && strcmp(argv[at], "--") != 0; at++)
        if (!guard_limits_add(&limits, argv[at]))
            return 0;
    return at + 1 < argc && guard_limits_set(&limits) ? at + 1 : 0;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void run(char *command[], int status_fd)
{
    setsid();
    reset_signals();
    execvp(command[0], command);
    say(status_fd, SANDBOX_EXEC_FAILED, errno);
    _exit(127);
}

/* Each has to be reaped, so that what it used is counted. */
static void end_all(void)
{
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
}

static int wait_for(pid_t handler)
{
    int status;
    pid_t pid;

    do
        pid = waitpid(-1, &status, 0);
    while (pid != handler && (pid > 0 || errno == EINTR));
    return status;
}

/* Without what a program does at its end: the filter may not let it. */
_Noreturn void sandbox_inside(int argc, char *argv[])
{
    int status_fd = argc > 4 ? (int)strtol(argv[2], NULL, 10) : -1, at, status;
    pid_t handler;

    prctl(PR_SET_DUMPABLE, 0);
    if (status_fd <= HANDLER_FDS ||
        !take_descriptors(status_fd, (int)strtol(argv[3], NULL, 10)) ||
        !(at = set_limits(argc, argv, 4)) || !say(status_fd, SANDBOX_READY, 0))
        _exit(EXIT_FAILURE);
    handler = fork();
    if (handler == 0)
        run(argv + at, status_fd);
    close_range(0, HANDLER_FDS - 1, 0);
    if (handler < 0) {
        say(status_fd, SANDBOX_EXEC_FAILED, errno);
        _exit(EXIT_FAILURE);
    }
    status = wait_for(handler);
    end_all();
    say(status_fd, WIFEXITED(status) ? SANDBOX_EXITED : SANDBOX_SIGNALED,
        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    _exit(EXIT_SUCCESS);
}
