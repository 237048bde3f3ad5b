#include "bell.h"
#include "clock.h"
#include "unix_address.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define LIST_MS    500  /* how long a list of listeners is used */
#define DRAIN_MOST 4096 /* rings read in one go, however fast they come */

struct listener {
    const char *path; /* NULL until the socket is ours */
    int fd;
    pid_t owner; /* a child that was forked off leaves the socket alone */
};

/* Who could be rung in `dir` at `read_ms`; guarded by the lock. */
static struct {
    pthread_mutex_t lock;
    char *dir;
    int64_t read_ms;
    struct sockaddr_un *found;
    unsigned count;
    int fd;
} ringer = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static bool is_socket(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int ring(int fd, const struct sockaddr_un *address)
{
    return sendto(fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)address, sizeof(*address)) < 0
               ? errno
               : 0;
}

static int listener_close(struct listener *listener)
{
    close(listener->fd);
    if (listener->path && getpid() == listener->owner)
        unlink(listener->path);
    return 0;
}

/* Without a name yet. */
static struct listener *listener_new(void *mem, struct error *err)
{
    struct listener *listener;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        error_set(err, ERROR_UNAVAILABLE, "bell_failed",
                  "cannot make a socket for a bell: %m");
        return NULL;
    }
    listener = talloc_zero(mem, struct listener);
    listener->fd = fd;
    listener->owner = getpid();
    talloc_set_destructor(listener, listener_close);
    return listener;
}

/* A process that died may have had our number; its socket is in the way. */
static bool bind_anew(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *plain = (const struct sockaddr *)address;

    if (bind(fd, plain, sizeof(*address)) == 0)
        return true;
    return errno == EADDRINUSE && is_socket(address->sun_path) &&
           ring(fd, address) == ECONNREFUSED &&
           unlink(address->sun_path) == 0 &&
           bind(fd, plain, sizeof(*address)) == 0;
}

static bool listener_bind(struct listener *listener, const char *path,
                          struct error *err)
{
    struct sockaddr_un address;

    if (!unix_address(path, &address, err))
        return false;
    if (!bind_anew(listener->fd, &address))
        return error_set(err, ERROR_UNAVAILABLE, "bell_failed",
                         "cannot listen on %s: %m", path);
    listener->path = talloc_strdup(listener, path);
    if (chmod(path, 0660) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "bell_failed",
                         "cannot open %s to its group: %m", path);
    return true;
}

bool bell_listen(void *mem, const char *run_dir, const char *name, int *ret_fd,
                 struct error *err)
{
    struct listener *listener = listener_new(mem, err);
    char *dir, *path;

    if (!listener)
        return false;
    dir = talloc_asprintf(listener, "%s/bell", run_dir);
    path = talloc_asprintf(listener, "%s/%s.%d", dir, name, (int)getpid());

    if (mkdir(dir, 0770) < 0 && errno != EEXIST)
        error_set(err, ERROR_UNAVAILABLE, "bell_failed", "cannot make %s: %m",
                  dir);
    else if (listener_bind(listener, path, err)) {
        *ret_fd = listener->fd;
        return true;
    }
    talloc_free(listener);
    return false;
}

void bell_drain(int fd)
{
    char byte;

    for (int i = 0; i < DRAIN_MOST; i++)
        if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0 && errno != EINTR)
            return;
}

static void list_add(const char *name)
{
    char *path = talloc_asprintf(ringer.dir, "%s/%s", ringer.dir, name);
    struct sockaddr_un address;
    struct error err;

    if (unix_address(path, &address, &err) && is_socket(path)) {
        ringer.found = talloc_realloc(ringer.dir, ringer.found,
                                      struct sockaddr_un, ringer.count + 1);
        ringer.found[ringer.count++] = address;
    }
    talloc_free(path);
}

/* Read the directory anew; the old list goes with the old `dir`. */
static void list_read(const char *dir)
{
    struct dirent *entry;
    DIR *listing;

    talloc_free(ringer.dir);
    ringer.dir = talloc_strdup(NULL, dir);
    ringer.found = NULL;
    ringer.count = 0;
    ringer.read_ms = clock_mono_ms();

    listing = opendir(dir);
    if (!listing)
        return;
    while ((entry = readdir(listing)))
        list_add(entry->d_name);
    closedir(listing);
}

static bool list_is_fresh(const char *dir)
{
    return ringer.dir && !strcmp(ringer.dir, dir) &&
           clock_mono_ms() - ringer.read_ms < LIST_MS;
}

static bool is_called(const struct sockaddr_un *address, const char *name)
{
    const char *base = strrchr(address->sun_path, '/') + 1;
    size_t len = strlen(name);

    return !strncmp(base, name, len) && base[len] == '.';
}

static void ring_all(const char *name)
{
    for (unsigned i = 0; i < ringer.count;) {
        struct sockaddr_un *listener = &ringer.found[i];
        int failed = 0;

        if (is_called(listener, name))
            failed = ring(ringer.fd, listener);
        if (failed == ECONNREFUSED)
            unlink(listener->sun_path);
        if (failed == ECONNREFUSED || failed == ENOENT)
            *listener = ringer.found[--ringer.count];
        else
            i++;
    }
}

void bell_ring(const char *run_dir, const char *name)
{
    int saved = errno;
    char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];

    if (snprintf(dir, sizeof(dir), "%s/bell", run_dir) >= (int)sizeof(dir))
        return;

    pthread_mutex_lock(&ringer.lock);
    if (!list_is_fresh(dir))
        list_read(dir);
    if (ringer.fd < 0)
        ringer.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ring_all(name);
    pthread_mutex_unlock(&ringer.lock);
    errno = saved;
}
