#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * What programs live by that read and write files, compute, start others and
 * talk with them. Not in it, on purpose: whatever makes or joins namespaces,
 * mounts, traces or reads other processes (ptrace, process_vm_*, pidfd_getfd),
 * loads code into the kernel, has keys (keyctl), or was the way in so often
 * that programs do without it (bpf, io_uring, userfaultfd, perf_event_open);
 * and memory that no limit counts (memfd_create, System V shared memory).
 */
static const char *const allowed[] = {
    /* files */
    "access", "chdir", "chmod", "close", "close_range", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64",
    "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "chown", "lchown", "fcntl", "fcntl64", "fdatasync", "fgetxattr",
    "flistxattr", "flock", "fstat", "fstat64", "fstatat64", "fstatfs",
    "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd",
    "getdents", "getdents64", "getxattr", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "lgetxattr", "link", "linkat",
    "listxattr", "llistxattr", "lseek", "_llseek", "lstat", "lstat64", "mkdir",
    "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2",
    "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "rename", "renameat",
    "renameat2", "rmdir", "sendfile", "sendfile64", "splice", "stat", "stat64",
    "statfs", "statfs64", "statx", "symlink", "symlinkat", "sync_file_range",
    "tee", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime",
    "utimensat", "utimensat_time64", "utimes", "write", "writev",
    /* pipes, waiting, unix sockets */
    "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
    "eventfd2", "getpeername", "getsockname", "getsockopt", "listen", "pipe",
    "pipe2", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64",
    "recvfrom", "recvmmsg", "recvmsg", "select", "_newselect", "sendmmsg",
    "sendmsg", "sendto", "setsockopt", "shutdown", "signalfd", "signalfd4",
    "timerfd_create", "timerfd_gettime", "timerfd_settime",
    /* memory */
    "brk", "get_mempolicy", "madvise", "membarrier", "mincore", "mlock",
    "mlock2", "mmap", "mmap2", "mprotect", "mremap", "msync", "munlock",
    "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
    /* processes, threads, signals */
    "arch_prctl", "capget", "execve", "execveat", "exit", "exit_group", "fork",
    "futex", "futex_time64", "futex_waitv", "get_robust_list",
    "get_thread_area", "getegid", "geteuid", "getgid", "getgroups", "getpgid",
    "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "gettid", "getuid", "kill", "pause",
    "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall",
    "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address",
    "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "getitimer",
    "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid",
    "setrlimit", "setsid", "setuid", "sigaltstack", "sigreturn", "tgkill",
    "tkill", "vfork", "wait4", "waitid", "waitpid",
    /* time and the machine */
    "alarm", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getcpu",
    "getrandom", "gettimeofday", "nanosleep", "sysinfo", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "times", "uname"};

/* Calls that this architecture does not have are passed over. */
static bool allow(scmp_filter_ctx filter, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    int failed;

    if (number == __NR_SCMP_ERROR)
        return true;
    failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    return failed == 0 || failed == -EDOM;
}

static bool allow_listed(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
        if (!allow(filter, allowed[i]))
            return false;
    return true;
}

/* A call by the value of one argument, of which only these bits are looked at.
 */
static bool rule(scmp_filter_ctx filter, uint32_t action, int call,
                 unsigned arg, scmp_datum_t bits, scmp_datum_t value)
{
    const struct scmp_arg_cmp compare = {.arg = arg,
                                         .op = SCMP_CMP_MASKED_EQ,
                                         .datum_a = bits,
                                         .datum_b = value};

    return seccomp_rule_add_array(filter, action, call, 1, &compare) == 0;
}

static bool allow_value(scmp_filter_ctx filter, int call, unsigned arg,
                        scmp_datum_t value)
{
    return rule(filter, SCMP_ACT_ALLOW, call, arg, UINT32_MAX, value);
}

/* Threads and processes, but no namespaces; clone3 hides its flags from a
 * filter, so that it is not there, and the C library takes this one. */
static bool allow_clone(scmp_filter_ctx filter)
{
    const scmp_datum_t spaces = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET |
                                CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER |
                                CLONE_NEWUTS;

    return rule(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 0, spaces, 0);
}

static bool allow_unix_sockets(scmp_filter_ctx filter)
{
    return allow_value(filter, SCMP_SYS(socket), 0, AF_UNIX) &&
           allow_value(filter, SCMP_SYS(socketpair), 0, AF_UNIX);
}

/* None that writes to a terminal's input or speaks with a device. */
static bool allow_ioctl(scmp_filter_ctx filter)
{
    static const scmp_datum_t requests[] = {TCGETS,  FIONREAD, FIONBIO,
                                            FIOCLEX, FIONCLEX, TIOCGWINSZ};

    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
        if (!allow_value(filter, SCMP_SYS(ioctl), 1, requests[i]))
            return false;
    return true;
}

/* To ask for it, or to have the usual one. */
static bool allow_personality(scmp_filter_ctx filter)
{
    return allow_value(filter, SCMP_SYS(personality), 0, PER_LINUX) &&
           allow_value(filter, SCMP_SYS(personality), 0, UINT32_MAX);
}

static bool fill(scmp_filter_ctx filter)
{
    return seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
           allow_listed(filter) && allow_clone(filter) &&
           allow_unix_sockets(filter) && allow_ioctl(filter) &&
           allow_personality(filter);
}

int sandbox_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int fd = memfd_create("filter", 0);
    bool ok = filter && fd >= 0 && fill(filter) &&
              seccomp_export_bpf(filter, fd) == 0 &&
              lseek(fd, 0, SEEK_SET) == 0;

    seccomp_release(filter);
    if (!ok && fd >= 0)
        close(fd);
    if (!ok)
        errno = errno ? errno : EINVAL;
    return ok ? fd : -1;
}
