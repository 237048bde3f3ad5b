#include "guard_tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_WAIT_MS 1
#define LAST_WAIT_MS  64
#define REAP_AT_ONCE  256

/* A kernel may be built without this file; the tests build a guard like it. */
#ifndef CHILDREN_FILE
#define CHILDREN_FILE "children"
#endif

/*
 * The living descendants found by one sweep, parents before their children.
 * Where there are more, a later sweep finds the rest, when these are dead.
 */
struct sweep {
    int signo;
    bool by_group; /* where a signal may come twice */
    pid_t group;   /* the last one signaled */
    size_t dead;   /* children that wait to be reaped */
    size_t signaled;
    size_t count;
    pid_t found[65536];
};

/* There is one at a time, and it is large. */
static struct sweep sweep;

int64_t guard_tree_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The next numeric name of a directory, 0 at its end. */
static pid_t next_pid(DIR *dir)
{
    struct dirent *entry;

    while ((entry = readdir(dir))) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0 && pid <= INT_MAX)
            return (pid_t)pid;
    }
    return 0;
}

static FILE *open_children(pid_t pid, pid_t task)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/" CHILDREN_FILE, pid, task);
    return fopen(path, "re");
}

/*
 * One call reaches a whole process group, and no fork in it escapes, as it may
 * if one process is signaled after the other.  A group of a descendant has only
 * descendants, but for our own, where the handler is before its setsid.
 */
static void signal_group(pid_t pid)
{
    pid_t group = getpgid(pid);

    if (group <= 0 || group == sweep.group || group == getpgrp())
        return;
    sweep.group = group;
    kill(-group, sweep.signo);
}

static bool is_dead_child(pid_t pid)
{
    siginfo_t info = {0};

    return !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
           info.si_pid == pid;
}

/* Signals at once: the shorter the way from reading a pid to using it, the
   less likely is it to be another process by then. */
static void sweep_add(pid_t pid)
{
    if (is_dead_child(pid)) {
        sweep.dead++;
        return;
    }
    if (sweep.by_group)
        signal_group(pid);
    if (kill(pid, sweep.signo) == 0)
        sweep.signaled++;
    if (sweep.count < sizeof(sweep.found) / sizeof(*sweep.found))
        sweep.found[sweep.count++] = pid;
}

static void sweep_task(pid_t pid, pid_t task)
{
    FILE *children = open_children(pid, task);
    pid_t child;

    if (!children)
        return;
    while (fscanf(children, "%d", &child) == 1)
        sweep_add(child);
    fclose(children);
}

/* Each thread has its own list of children. */
static void sweep_process(pid_t pid)
{
    char path[32];
    DIR *tasks;
    pid_t task;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    if (!tasks)
        return;
    while ((task = next_pid(tasks)))
        sweep_task(pid, task);
    closedir(tasks);
}

/* The parent of a process, 0 if it has gone. */
static pid_t parent_of(pid_t pid)
{
    char path[32], line[512];
    const char *name_end;
    pid_t parent = 0;
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    stat = fopen(path, "re");
    if (!stat)
        return 0;
    /* A name may hold spaces and brackets; the last bracket ends it. */
    if (fgets(line, sizeof(line), stat) && (name_end = strrchr(line, ')')))
        sscanf(name_end, ") %*c %d", &parent);
    fclose(stat);
    return parent;
}

static bool descends(pid_t pid, pid_t ancestor)
{
    while (pid > 1 && (pid = parent_of(pid)) != 0)
        if (pid == ancestor)
            return true;
    return false;
}

/* Dearer than following the children, but every kernel can do it. */
static void sweep_all_processes(void)
{
    DIR *proc = opendir("/proc");
    pid_t pid;

    if (!proc)
        return;
    while ((pid = next_pid(proc)))
        if (descends(pid, getpid()))
            sweep_add(pid);
    closedir(proc);
}

static bool children_are_listed(void)
{
    FILE *children = open_children(getpid(), getpid());

    if (children)
        fclose(children);
    return children != NULL;
}

bool guard_tree_visible(void)
{
    if (children_are_listed() || parent_of(getpid()) != 0)
        return true;
    errno = ENOSYS;
    return false;
}

/* Gives the number of processes that were there to be signaled. */
static size_t sweep_tree(int signo, bool by_group)
{
    sweep.signo = signo;
    sweep.by_group = by_group;
    sweep.group = 0;
    sweep.dead = sweep.signaled = sweep.count = 0;
    if (!children_are_listed()) {
        sweep_all_processes();
        return sweep.signaled;
    }
    sweep_process(getpid());
    for (size_t i = 0; i < sweep.count; i++)
        sweep_process(sweep.found[i]);
    return sweep.signaled;
}

void guard_tree_signal(int signo)
{
    sweep_tree(signo, false);
}

static void note_end(struct guard_tree_main *main, int status)
{
    main->ended = true;
    main->status = status;
    main->ended_ms = guard_tree_clock_ms();
}

/*
 * A fork bomb may die as fast as it is reaped, so there is a limit; but every
 * sweep has to look at the dead again, so these are not left to grow in number.
 */
bool guard_tree_reap(struct guard_tree_main *main)
{
    int status;

    for (size_t i = 0; i < REAP_AT_ONCE + sweep.dead; i++) {
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0)
            return pid == 0;
        if (pid == main->pid && !main->ended)
            note_end(main, status);
    }
    raise(SIGCHLD);
    return true;
}

/*
 * What is stopped can neither fork nor wait nor start anew what it misses, so
 * that the tree stands still when it is killed.  A fork under way in one sweep
 * shows in the next.
 */
static void freeze(struct guard_tree_main *main)
{
    size_t before, stopped = 0;

    do {
        before = stopped;
        guard_tree_reap(main);
        stopped = sweep_tree(SIGSTOP, true);
    } while (stopped > before);
}

static void wait_for_child(long wait_ms)
{
    const struct timespec wait = {.tv_nsec = wait_ms * 1000000};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigtimedwait(&child, NULL, &wait);
}

static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * The first sweep comes before all else: a fork bomb leaves little of the
 * processor to us, and thousands of dead; to reap some of these may take
 * seconds while it burns.
 */
void guard_tree_end(struct guard_tree_main *main)
{
    long wait_ms = FIRST_WAIT_MS;

    if (!has_children())
        return;
    sweep_tree(SIGSTOP, true);
    while (guard_tree_reap(main)) {
        freeze(main);
        sweep_tree(SIGKILL, true);
        wait_for_child(wait_ms);
        if (wait_ms < LAST_WAIT_MS)
            wait_ms *= 2;
    }
}
