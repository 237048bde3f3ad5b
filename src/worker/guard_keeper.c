#include "guard_keeper.h"

#include "guard_child.h"
#include "guard_tree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEVER INT64_MAX

struct keeper {
    const struct guard_options *options;
    int guard_fd;
    int child_fd;   /* signalfd of SIGCHLD */
    int failure_fd; /* see guard_child_failed */
    struct guard_tree_main main;
    int64_t started_ms;
    int64_t kill_at_ms; /* when the patience after GUARD_TERM ends, or NEVER */
};

/* A command that nobody has read when the socket is closed would turn the
   worker's next read into ECONNRESET: take no more, and throw away the rest. */
static void stop_listening(void)
{
    uint8_t command;

    shutdown(GUARD_CONTROL_FD, SHUT_RD);
    while (recv(GUARD_CONTROL_FD, &command, sizeof(command), MSG_DONTWAIT) > 0)
        continue;
}

void guard_keeper_report(const struct guard_report *report)
{
    stop_listening();
    send(GUARD_CONTROL_FD, report, sizeof(*report), MSG_NOSIGNAL);
}

void guard_keeper_report_failure(enum guard_outcome how, int code)
{
    guard_keeper_report(
        &(struct guard_report){.how = (int32_t)how, .code = code});
}

static int64_t microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void set_outcome(struct keeper *keeper, struct guard_report *report)
{
    struct guard_child_failure failure;
    int status = keeper->main.status;

    if (guard_child_failed(keeper->failure_fd, &failure)) {
        report->how = failure.how;
        report->code = failure.code;
    } else if (WIFEXITED(status)) {
        report->how = GUARD_EXITED;
        report->code = WEXITSTATUS(status);
    } else {
        report->how = GUARD_SIGNALED;
        report->code = WTERMSIG(status);
    }
}

/* Only when all is reaped: until then RUSAGE_CHILDREN lacks the rest. */
static void report_end(struct keeper *keeper)
{
    struct guard_report report = {0};
    struct rusage used;

    getrusage(RUSAGE_CHILDREN, &used);
    set_outcome(keeper, &report);
    report.user_us = microseconds(used.ru_utime);
    report.system_us = microseconds(used.ru_stime);
    report.max_rss_kb = used.ru_maxrss;
    report.wall_ms = keeper->main.ended_ms - keeper->started_ms;
    guard_keeper_report(&report);
}

/* A second GUARD_TERM asks again, but does not prolong the grace. */
static void terminate(struct keeper *keeper)
{
    guard_tree_signal(SIGTERM);
    if (keeper->kill_at_ms == NEVER)
        keeper->kill_at_ms =
            guard_tree_clock_ms() + keeper->options->kill_grace_ms;
}

/* Whatever is not a message is the end of the worker. */
static void on_control(struct keeper *keeper)
{
    uint8_t command;
    ssize_t size =
        recv(GUARD_CONTROL_FD, &command, sizeof(command), MSG_DONTWAIT);

    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0 || command == GUARD_KILL)
        guard_tree_end(&keeper->main);
    else if (command == GUARD_TERM)
        terminate(keeper);
}

static void on_child(struct keeper *keeper)
{
    struct signalfd_siginfo info;

    (void)!read(keeper->child_fd, &info, sizeof(info));
    guard_tree_reap(&keeper->main);
}

static int wait_ms(const struct keeper *keeper)
{
    int64_t left;

    if (keeper->kill_at_ms == NEVER)
        return -1;
    left = keeper->kill_at_ms - guard_tree_clock_ms();
    return left > 0 ? (int)left : 0;
}

static void wait_for_news(struct keeper *keeper)
{
    struct pollfd fds[] = {
        {.fd = GUARD_CONTROL_FD, .events = POLLIN},
        {.fd = keeper->child_fd, .events = POLLIN},
        {.fd = keeper->guard_fd, .events = POLLIN},
    };

    poll(fds, sizeof(fds) / sizeof(*fds), wait_ms(keeper));
    if (fds[2].revents || wait_ms(keeper) == 0)
        guard_tree_end(&keeper->main);
    if (fds[1].revents)
        on_child(keeper);
    if (fds[0].revents && !keeper->main.ended)
        on_control(keeper);
}

static bool start(struct keeper *keeper)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    keeper->child_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    return keeper->child_fd >= 0 &&
           guard_child_start(keeper->options, &keeper->main.pid,
                             &keeper->failure_fd);
}

int guard_keeper_run(const struct guard_options *options, int guard_fd)
{
    struct keeper keeper = {
        .options = options,
        .guard_fd = guard_fd,
        .started_ms = guard_tree_clock_ms(),
        .kill_at_ms = NEVER,
    };

    if (!start(&keeper)) {
        guard_keeper_report_failure(GUARD_FAILED, errno);
        return EXIT_SUCCESS;
    }
    /* Who waits for the end of these pipes waits for the handler, not us. */
    close_range(0, GUARD_EVENTS_FD, 0);
    while (!keeper.main.ended)
        wait_for_news(&keeper);
    guard_tree_end(&keeper.main);
    report_end(&keeper);
    return EXIT_SUCCESS;
}
