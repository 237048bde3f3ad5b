#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 32

struct measuring {
    struct folder_size *size;
    uint64_t most;
};

static bool is_full(const struct measuring *measuring)
{
    return measuring->most && measuring->size->files > measuring->most;
}

/* Who owns it may have locked himself out. */
static int open_folder(int at, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);

    if (fd < 0 && errno == EACCES &&
        fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
        fd = openat(at, name, flags);
    return fd;
}

static uint64_t size_of(const struct stat *st)
{
    uint64_t taken = (uint64_t)st->st_blocks * 512;
    uint64_t length = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;

    return taken > length ? taken : length;
}

static void measure_folder(struct measuring *measuring, int fd, int depth);

static void measure_entry(struct measuring *measuring, int at, const char *name,
                          int depth)
{
    struct stat st;
    int fd;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    measuring->size->files++;
    measuring->size->bytes += size_of(&st);
    if (!S_ISDIR(st.st_mode))
        return;
    if (depth == MAX_DEPTH) {
        measuring->size->files = UINT64_MAX;
        return;
    }
    fd = open_folder(at, name);
    if (fd >= 0)
        measure_folder(measuring, fd, depth + 1);
}

/* Closes the folder. */
static void measure_folder(struct measuring *measuring, int fd, int depth)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        close(fd);
        return;
    }
    while (!is_full(measuring) && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            measure_entry(measuring, fd, entry->d_name, depth);
    closedir(dir);
}

void folder_measure(const char *path, uint64_t most, struct folder_size *ret)
{
    struct measuring measuring = {.size = ret, .most = most};
    int fd = open_folder(AT_FDCWD, path);

    *ret = (struct folder_size){0};
    if (fd >= 0)
        measure_folder(&measuring, fd, 0);
}
