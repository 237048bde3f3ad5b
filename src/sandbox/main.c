/*
 * millrace-sandbox: runs one handler that is not trusted, in a bubblewrap. It
 * stays outside and measures what no limit of the kernel holds; with its end
 * bwrap ends, and with that all within.
 *
 * Signals do not end it: the guard sends SIGTERM to all, and the handler's end
 * is ours; SIGKILL from the guard takes all at once.
 */
#include "bwrap.h"
#include "inside.h"
#include "report.h"
#include "sandbox.h"
#include "usage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 50

struct run {
    const struct sandbox_options *options;
    struct sandbox sandbox;
    pid_t inside; /* 0 while it is not known, or not ready */
    bool ready, ended;
    struct sandbox_status end; /* where `ended` */
    char words[512];           /* bwrap's, the first of them */
    size_t words_len;
};

static void on_status(struct run *run, const struct sandbox_status *status)
{
    if (status->event == SANDBOX_READY) {
        run->ready = true;
    } else if (!run->ended) {
        run->ended = true;
        run->end = *status;
    }
}

/* False at its end. */
static bool read_status(struct run *run)
{
    struct sandbox_status status;
    ssize_t n = read(run->sandbox.status_fd, &status, sizeof(status));

    if (n == (ssize_t)sizeof(status))
        on_status(run, &status);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool read_words(struct run *run)
{
    char chunk[sizeof(run->words)];
    ssize_t n = read(run->sandbox.words_fd, chunk, sizeof(chunk));
    size_t room = sizeof(run->words) - 1 - run->words_len;
    size_t len = n > 0 ? (size_t)n : 0;

    len = len < room ? len : room;
    memcpy(run->words + run->words_len, chunk, len);
    run->words_len += len;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Both end with bwrap. True: a limit was passed before. */
static bool attend(struct run *run, struct sandbox_breach *ret)
{
    struct pollfd fds[] = {
        {.fd = run->sandbox.status_fd, .events = POLLIN},
        {.fd = run->sandbox.words_fd,  .events = POLLIN},
    };

    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, TICK_MS) == 0) {
            /* Until then its /proc and /tmp are still the machine's. */
            if (run->ready && !run->inside)
                run->inside = sandbox_usage_inside(run->sandbox.pid);
            if (sandbox_usage_check(run->options, run->inside, ret))
                return true;
        }
        if (fds[0].revents && !read_status(run))
            fds[0].fd = -1;
        if (fds[1].revents && !read_words(run))
            fds[1].fd = -1;
    }
    return false;
}

/* With the first process all within go; what loses its parent is ours. */
static void end_all(const struct run *run)
{
    if (run->inside)
        kill(run->inside, SIGKILL);
    kill(run->sandbox.pid, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
}

/* As the handler has ended. */
static int end_as(const struct sandbox_status *end)
{
    const struct rlimit no_core = {0};
    sigset_t none;

    if (end->event == SANDBOX_EXITED)
        return end->code;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(end->code, SIG_DFL);
    raise(end->code);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return 128 + end->code;
}

static int run_sandbox(const struct sandbox_options *options)
{
    struct run run = {.options = options};
    struct sandbox_breach breach;
    bool breached;

    if (!sandbox_start(options, &run.sandbox))
        return report_failed_start(errno);
    breached = attend(&run, &breach);
    end_all(&run);
    if (!run.ready && !breached)
        return report_unavailable(options, run.words);
    if (breached || sandbox_usage_check(options, 0, &breach))
        return report_breach(&breach);
    if (run.ended && run.end.event == SANDBOX_EXEC_FAILED)
        return report_failed_exec(options->command[0], run.end.code);
    if (!run.ended)
        run.end = (struct sandbox_status){SANDBOX_SIGNALED, SIGKILL};
    return end_as(&run.end);
}

static int check_sandbox(struct sandbox_options *options)
{
    static char program[] = "/bin/true";
    char *command[] = {program, NULL};

    options->command = command;
    return run_sandbox(options);
}

int main(int argc, char *argv[])
{
    struct sandbox_options options;
    sigset_t all;

    if (argc > 1 && !strcmp(argv[1], SANDBOX_INSIDE))
        sandbox_inside(argc, argv);
    if (!sandbox_options_read(&options, argc, argv))
        return SANDBOX_EXIT_UNAVAILABLE;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (geteuid() == 0)
        return report_unavailable(
            &options, "it is not for root, whom some limits do not hold");
    return options.check ? check_sandbox(&options) : run_sandbox(&options);
}
