#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The tree is flattened from the top: what folders hold folders is moved up. */
struct flattening {
    int top;
    unsigned moved; /* gives each a new name in there */
    int failed;     /* errno of what could not be done */
};

static bool is_itself(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static DIR *open_dir(int at, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);
    DIR *dir;

    /* It is a folder, not a link: unlink has just refused it as one. */
    if (fd < 0 && errno == EACCES && fchmodat(at, name, S_IRWXU, 0) == 0)
        fd = openat(at, name, flags);
    if (fd < 0)
        return NULL;
    fchmod(fd, S_IRWXU);
    dir = fdopendir(fd);
    if (!dir)
        close(fd);
    return dir;
}

/* A name that is free in the top folder. */
static bool move_up(struct flattening *flat, int from, const char *name)
{
    char fresh[32];
    int done;

    /* Or its ".." could not be changed. */
    if (fchmodat(from, name, S_IRWXU, 0) != 0)
        return false;
    do {
        snprintf(fresh, sizeof(fresh), "flat.%u", flat->moved++);
        done = renameat2(from, name, flat->top, fresh, RENAME_NOREPLACE);
    } while (done != 0 && errno == EEXIST);
    return done == 0;
}

/* A file goes, a folder within is moved up. */
static bool clear_entry(struct flattening *flat, int from, const char *name)
{
    return unlinkat(from, name, 0) == 0 ||
           (errno == EISDIR && move_up(flat, from, name));
}

/* Take a folder out of the top one. */
static bool clear_folder(struct flattening *flat, const char *name)
{
    DIR *dir = open_dir(flat->top, name);
    struct dirent *entry;
    bool ok = dir != NULL;

    while (ok && (entry = readdir(dir)))
        if (!is_itself(entry->d_name))
            ok = clear_entry(flat, dirfd(dir), entry->d_name);
    if (dir)
        closedir(dir);
    return ok && unlinkat(flat->top, name, AT_REMOVEDIR) == 0;
}

/* One pass over the top folder; how many entries went. */
static unsigned pass(struct flattening *flat, DIR *top)
{
    unsigned gone = 0;
    struct dirent *entry;

    rewinddir(top);
    flat->failed = 0;
    while ((entry = readdir(top))) {
        const char *name = entry->d_name;

        if (is_itself(name))
            continue;
        if (unlinkat(flat->top, name, 0) == 0 ||
            (errno == EISDIR && clear_folder(flat, name)))
            gone++;
        else if (errno != ENOENT)
            flat->failed = errno;
    }
    return gone;
}

bool remove_tree(const char *path)
{
    struct flattening flat = {0};
    DIR *top;

    if (unlink(path) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR || !(top = open_dir(AT_FDCWD, path)))
        return false;
    flat.top = dirfd(top);
    while (pass(&flat, top) > 0)
        ;
    closedir(top);
    if (rmdir(path) == 0)
        return true;
    if (flat.failed)
        errno = flat.failed;
    return false;
}
