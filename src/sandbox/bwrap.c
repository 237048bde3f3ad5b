#include "bwrap.h"

#include "filter.h"
#include "inside.h"
#include "sandbox.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSIDE_PROGRAM "/millrace-sandbox"
#define SHM_SIZE       "16777216"
#define FIRST_FD       10 /* of ours: below are the handler's */

/* Owners within; outside they are the worker's user. */
#define USER  "1000"
#define GROUP "1000"

static const char passwd[] =
    "sandbox:x:" USER ":" GROUP ":sandbox:" SANDBOX_HOME
    ":/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
static const char group[] = "sandbox:x:" GROUP ":\nnogroup:x:65534:\n";

/* What programs need of /etc and /var to be started and to have fonts; what is
 * not there is passed over. */
static const char *const system_paths[] = {
    "/etc/ld.so.cache",  "/etc/ld.so.conf",      "/etc/ld.so.conf.d",
    "/etc/alternatives", "/etc/fonts",           "/etc/localtime",
    "/etc/timezone",     "/etc/mime.types",      "/etc/libreoffice",
    "/etc/papersize",    "/var/cache/fontconfig"};

/* Of /usr: what an installation there has that is not for everybody. */
static const char *const hidden_paths[] = {"/usr/local/etc", "/usr/local/var",
                                           SYSCONFDIR "/millrace"};

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

/* ------------------------------------------------------------ descriptors */

/* Out of the way of the handler's. */
static int high(int fd, bool kept_over_exec)
{
    int copy = fd < 0 ? -1
                      : fcntl(fd, kept_over_exec ? F_DUPFD : F_DUPFD_CLOEXEC,
                              FIRST_FD);

    if (fd >= 0)
        close(fd);
    return copy;
}

static int data_fd(const char *text, size_t len)
{
    int fd = memfd_create("data", 0);

    if (fd >= 0 &&
        (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return high(fd, true);
}

static bool open_pipe(int *ret_ours, int *ret_theirs)
{
    int fds[2];

    if (pipe2(fds, O_NONBLOCK))
        return false;
    *ret_ours = high(fds[0], false);
    *ret_theirs = high(fds[1], true);
    /* Ours does not wait; theirs does. */
    return *ret_ours >= 0 && *ret_theirs >= 0 &&
           fcntl(*ret_theirs, F_SETFL, 0) == 0;
}

/* ------------------------------------------------------------ its words */

/* /bin is a link into /usr, or was never moved there. */
static void add_root_entry(struct words *words, const char *path)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target) - 1);

    if (len > 0) {
        target[len] = '\0';
        words_add(words, "--symlink", target, path);
    } else {
        words_add(words, "--ro-bind-try", path, path);
    }
}

static void add_system(struct words *words)
{
    words_add(words, "--ro-bind", "/usr", "/usr");
    add_root_entry(words, "/bin");
    add_root_entry(words, "/sbin");
    add_root_entry(words, "/lib");
    add_root_entry(words, "/lib32");
    add_root_entry(words, "/lib64");
    for (size_t i = 0; i < COUNT(system_paths); i++)
        words_add(words, "--ro-bind-try", system_paths[i], system_paths[i]);
}

static bool add_data(struct words *words, const char *path, const char *text)
{
    int fd = data_fd(text, strlen(text));

    words_add(words, "--ro-bind-data");
    words_addf(words, "%d", fd);
    words_add(words, path);
    return fd >= 0;
}

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

static bool is_visible(const struct sandbox_options *options, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    for (size_t i = 0; i < options->read_only.count; i++)
        if (is_below(path, options->read_only.list[i]))
            return true;
    return is_below(path, "/usr");
}

/* An empty folder in its place. */
static void hide(struct words *words, const struct sandbox_options *options,
                 const char *path)
{
    if (is_visible(options, path))
        words_add(words, "--size", "4096", "--tmpfs", path, "--remount-ro",
                  path);
}

static void add_hidden(struct words *words,
                       const struct sandbox_options *options)
{
    for (size_t i = 0; i < COUNT(hidden_paths); i++)
        hide(words, options, hidden_paths[i]);
    for (size_t i = 0; i < options->hidden.count; i++)
        hide(words, options, options->hidden.list[i]);
}

static void add_tmp(struct words *words, const struct sandbox_options *options)
{
    words_add(words, "--size", SHM_SIZE, "--tmpfs", "/dev/shm");
    if (options->limits.tmp_size) {
        words_add(words, "--size");
        words_addf(words, "%" PRIu64, options->limits.tmp_size);
    }
    words_add(words, "--tmpfs", SANDBOX_HOME);
    if (options->input)
        words_add(words, "--ro-bind", options->input, SANDBOX_INPUT);
    if (options->output)
        words_add(words, "--bind", options->output, SANDBOX_OUTPUT);
}

static void add_paths(struct words *words,
                      const struct sandbox_options *options)
{
    for (size_t i = 0; i < options->read_only.count; i++)
        words_add(words, "--ro-bind", options->read_only.list[i],
                  options->read_only.list[i]);
    if (options->handlers)
        words_add(words, "--ro-bind", options->handlers, SANDBOX_HANDLERS);
}

static bool add_file_system(struct words *words,
                            const struct sandbox_options *options)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0)
        return false;
    self[len] = '\0';
    add_system(words);
    words_add(words, "--proc", "/proc", "--dev", "/dev", "--remount-ro",
              "/dev");
    add_tmp(words, options);
    add_paths(words, options);
    add_hidden(words, options);
    words_add(words, "--ro-bind", self, INSIDE_PROGRAM);
    if (!add_data(words, "/etc/passwd", passwd) ||
        !add_data(words, "/etc/group", group))
        return false;
    words_add(words, "--chdir", SANDBOX_HOME, "--remount-ro", "/");
    return true;
}

/* Everything that bwrap can take away; that no more of it can be had within is
 * both bwrap's work and the filter's. */
static bool add_isolation(struct words *words)
{
    int filter = high(sandbox_filter(), true);

    words_add(words, "--unshare-user", "--unshare-ipc", "--unshare-pid",
              "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
              "--disable-userns", "--uid", USER, "--gid", GROUP, "--cap-drop",
              "ALL", "--die-with-parent", "--as-pid-1", "--seccomp");
    words_addf(words, "%d", filter);
    return filter >= 0;
}

static void add_inside(struct words *words,
                       const struct sandbox_options *options, int status_fd,
                       int stderr_fd)
{
    words_add(words, "--", INSIDE_PROGRAM, SANDBOX_INSIDE);
    words_addf(words, "%d", status_fd);
    words_addf(words, "%d", stderr_fd);
    for (size_t i = 0; i < options->rlimits.count; i++)
        words_add(words, options->rlimits.list[i]);
    words_add(words, "--");
    for (char **word = options->command; *word; word++)
        words_add(words, *word);
}

/* ------------------------------------------------------------ its start */

/* No signal ends bwrap, so that one for all lets the handler end first; those
 * of the handler are clean again. */
static _Noreturn void become(char **words, pid_t parent, int words_fd)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent ||
        dup2(words_fd, STDERR_FILENO) < 0)
        _exit(127);
    close(words_fd);
    execv(words[0], words);
    dprintf(STDERR_FILENO, "%s cannot be executed: %m\n", words[0]);
    _exit(127);
}

static bool start(const struct sandbox_options *options, struct words *words,
                  struct sandbox *ret)
{
    int stderr_fd = fcntl(STDERR_FILENO, F_DUPFD, FIRST_FD);
    pid_t parent = getpid();
    int status_fd, words_fd;

    if (stderr_fd < 0 || !open_pipe(&ret->words_fd, &words_fd) ||
        !open_pipe(&ret->status_fd, &status_fd) || !add_isolation(words) ||
        !add_file_system(words, options))
        return false;
    add_inside(words, options, status_fd, stderr_fd);
    ret->pid = fork();
    if (ret->pid == 0)
        become(words->list, parent, words_fd);
    close(status_fd);
    close(words_fd);
    close(stderr_fd);
    return ret->pid > 0;
}

bool sandbox_start(const struct sandbox_options *options, struct sandbox *ret)
{
    struct words words = {0};
    bool ok;

    words_add(&words, options->bwrap);
    ok = start(options, &words, ret);
    words_done(&words);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    return ok;
}
