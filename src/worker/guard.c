/*
 * millrace-guard: stands between millrace-worker and one handler process, so
 * that nothing of the handler outlives its job.
 *
 * It is two processes.  The keeper starts the handler, minds it, ends whatever
 * it leaves, and reports.  The guard proper only waits for the keeper; should
 * the keeper be killed, the handler's processes become the guard's children,
 * and it ends them in its place.  Should the guard be killed, the keeper ends
 * the handler.  Should both be killed at once, the kernel still kills the main
 * process, and what that had detached falls to the next subreaper: the worker.
 *
 * Signals from outside do not end it: the worker decides, over the control
 * socket, and with its own end.
 *
 * Exit status: 0 when the report came from the keeper, 1 after a failure, 2
 * when called wrongly.
 */
#include "guard.h"
#include "guard_keeper.h"
#include "guard_options.h"
#include "guard_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_USAGE 2

static bool control_is_there(void)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (!getsockopt(GUARD_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) &&
        type == SOCK_SEQPACKET)
        return true;
    dprintf(STDERR_FILENO,
            "millrace-guard: descriptor %d is not the control socket; "
            "only millrace-worker can start me\n",
            GUARD_CONTROL_FD);
    return false;
}

/*
 * Keep nothing of the worker's, and let none of our own descriptors take a low
 * number that is free, or the handler would get it as its own.
 */
static bool own_descriptors(void)
{
    int fd;

    if (close_range(GUARD_CONTROL_FD + 1, ~0U, 0))
        return false;
    do
        fd = open("/", O_PATH | O_CLOEXEC);
    while (fd >= 0 && fd < GUARD_CONTROL_FD);
    if (fd > GUARD_CONTROL_FD)
        close(fd);
    return fd >= 0;
}

/* All blocked: SIGCHLD is waited for, the others have nothing to say to us. */
static void own_signals(void)
{
    const struct sigaction child = {
        .sa_handler = SIG_DFL,
        .sa_flags = SA_NOCLDSTOP,
    };
    sigset_t all;

    sigaction(SIGCHLD, &child, NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* What loses its parent below us becomes our child, not that of init. */
static bool adopt_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* Start the keeper, which never returns from here but by its end. */
static bool start_keeper(const struct guard_options *options, pid_t *ret)
{
    int guard_fd = pidfd_open(getpid(), 0);
    pid_t keeper;

    if (guard_fd < 0 || (keeper = fork()) < 0)
        return false;
    if (keeper == 0) {
        if (adopt_orphans())
            _exit(guard_keeper_run(options, guard_fd));
        guard_keeper_report_failure(GUARD_FAILED, errno);
        _exit(EXIT_SUCCESS);
    }
    close_range(0, GUARD_EVENTS_FD, 0);
    *ret = keeper;
    return true;
}

static int outlive(pid_t pid)
{
    struct guard_tree_main keeper = {.pid = pid};

    if (waitpid(pid, &keeper.status, 0) == pid && keeper.status == 0)
        return EXIT_SUCCESS;
    keeper.ended = true;
    guard_tree_end(&keeper);
    guard_keeper_report_failure(
        GUARD_LOST, WIFSIGNALED(keeper.status) ? WTERMSIG(keeper.status) : 0);
    return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    struct guard_options options;
    pid_t keeper;

    prctl(PR_SET_NAME, "mr-guard");
    if (!control_is_there())
        return EXIT_USAGE;
    if (!guard_options_read(&options, argc, argv)) {
        guard_keeper_report_failure(GUARD_FAILED, EINVAL);
        return EXIT_USAGE;
    }

    own_signals();
    if (!own_descriptors() || !guard_tree_visible() || !adopt_orphans() ||
        !start_keeper(&options, &keeper)) {
        guard_keeper_report_failure(GUARD_FAILED, errno);
        return EXIT_FAILURE;
    }
    return outlive(keeper);
}
