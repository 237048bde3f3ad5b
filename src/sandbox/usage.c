/*
 * What the kernel does not limit for many processes together is measured, many
 * times a second: in the /proc of the sandbox, which has all of them, and
 * nobody else.
 */
#include "usage.h"

#include "folder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of all processes within, by the numbers that they have there. */
struct usage {
    uint64_t memory, cpu_ms, written;
};

pid_t sandbox_usage_inside(pid_t bwrap)
{
    char path[64];
    pid_t child = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", bwrap, bwrap);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%d", &child) != 1)
        child = 0;
    fclose(file);
    return child;
}

/* ------------------------------------------------------------ processes */

/* `proc` is the /proc of the sandbox, open. */
static FILE *open_of(int proc, const char *pid, const char *name)
{
    char path[300];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", pid, name);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopen(fd, "r");
}

/* The sum of the numbers behind these words; each is at a line's begin. False
 * where the file cannot be read, or has none of them. */
static bool sum_of(int proc, const char *pid, const char *name,
                   const char *const *words, uint64_t *ret)
{
    FILE *file = open_of(proc, pid, name);
    bool found = false;
    uint64_t value;
    char line[256];

    *ret = 0;
    while (file && fgets(line, sizeof(line), file))
        for (const char *const *word = words; *word; word++)
            if (!strncmp(line, *word, strlen(*word)) &&
                sscanf(line + strlen(*word), "%" SCNu64, &value) == 1) {
                *ret += value;
                found = true;
            }
    if (file)
        fclose(file);
    return found;
}

/* Its own and that of the dead that it has waited for. */
static uint64_t cpu_ms_of(int proc, const char *pid)
{
    FILE *file = open_of(proc, pid, "stat");
    uint64_t user = 0, system = 0, dead_user = 0, dead_system = 0;
    const char *end;
    char line[1024];

    if (file && fgets(line, sizeof(line), file) && (end = strrchr(line, ')')))
        sscanf(end + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
               " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &user, &system, &dead_user, &dead_system);
    if (file)
        fclose(file);
    return (user + system + dead_user + dead_system) * 1000 /
           (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Each page once, however many share it: dearer, so only when the sum of what
 * each has is too much. Who cannot be asked has all of it himself. */
static uint64_t memory_of(int proc, const char *pid, bool exact)
{
    static const char *const shares[] = {
        "Pss_Anon:", "Pss_Shmem:", "SwapPss:", NULL};
    static const char *const sizes[] = {
        "RssAnon:", "RssShmem:", "VmSwap:", NULL};
    uint64_t kb;

    if (!exact || !sum_of(proc, pid, "smaps_rollup", shares, &kb))
        sum_of(proc, pid, "status", sizes, &kb);
    return kb * 1024;
}

static void add_process(struct usage *usage, int proc, const char *pid,
                        bool exact)
{
    static const char *const words[] = {"write_bytes:", NULL};
    uint64_t written;

    sum_of(proc, pid, "io", words, &written);
    usage->written += written;
    usage->memory += memory_of(proc, pid, exact);
    usage->cpu_ms += cpu_ms_of(proc, pid);
}

static void measure(struct usage *usage, pid_t inside, bool exact)
{
    char path[64];
    struct dirent *entry;
    DIR *proc;

    *usage = (struct usage){0};
    snprintf(path, sizeof(path), "/proc/%d/root/proc", inside);
    proc = opendir(path);
    if (!proc)
        return;
    while ((entry = readdir(proc)))
        if (isdigit((unsigned char)*entry->d_name))
            add_process(usage, dirfd(proc), entry->d_name, exact);
    closedir(proc);
}

static uint64_t files_of(pid_t inside, const char *folder)
{
    char path[64];
    struct statfs fs;

    snprintf(path, sizeof(path), "/proc/%d/root%s", inside, folder);
    return statfs(path, &fs) == 0 ? (uint64_t)(fs.f_files - fs.f_ffree) : 0;
}

/* ------------------------------------------------------------ limits */

static bool is_over(uint64_t used, uint64_t limit)
{
    return limit > 0 && used > limit;
}

static bool breach(struct sandbox_breach *ret, const char *limit,
                   const char *words)
{
    *ret = (struct sandbox_breach){limit, words};
    return true;
}

static bool check_processes(const struct sandbox_limits *limits, pid_t inside,
                            struct sandbox_breach *ret)
{
    struct usage usage;

    measure(&usage, inside, false);
    if (is_over(usage.memory, limits->memory))
        measure(&usage, inside, true);
    if (is_over(usage.memory, limits->memory))
        return breach(ret, "memory", "it used more memory than it may");
    if (is_over(usage.cpu_ms, limits->cpu_ms))
        return breach(ret, "cpu", "it used more processor time than it may");
    if (is_over(usage.written, limits->written))
        return breach(ret, "outputSize",
                      "it wrote many times more than its output may have");
    if (is_over(files_of(inside, "/tmp") + files_of(inside, "/dev/shm"),
                limits->tmp_files))
        return breach(ret, "tmpFiles",
                      "it made more files in /tmp than it may");
    return false;
}

static bool check_output(const struct sandbox_options *options,
                         struct sandbox_breach *ret)
{
    struct folder_size size = {0};

    folder_measure(options->output, options->limits.output_files, &size);
    if (is_over(size.files, options->limits.output_files))
        return breach(ret, "outputFiles",
                      "it made more files in its output than it may");
    if (is_over(size.bytes, options->limits.output_size))
        return breach(ret, "outputSize", "its output is larger than it may be");
    return false;
}

bool sandbox_usage_check(const struct sandbox_options *options, pid_t inside,
                         struct sandbox_breach *ret)
{
    return (inside > 0 && check_processes(&options->limits, inside, ret)) ||
           (options->output && check_output(options, ret));
}
