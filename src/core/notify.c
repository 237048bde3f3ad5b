#include "notify.h"
#include "unix_address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define BACKLOG     1024 /* a full unix socket is a 502 to the client */
#define SOCKET_TYPE (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

void notify(const char *state)
{
    (void)sd_notify(0, state);
}

int64_t notify_watchdog_ms(void)
{
    uint64_t usec = 0;

    return sd_watchdog_enabled(0, &usec) > 0 ? (int64_t)(usec / 1000) : 0;
}

static bool failed(const char *where, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "listen_failed",
                     "cannot listen on %s: %m", where);
}

static bool in_use(const char *where, struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "already_in_use",
                     "%s is already in use", where);
}

static bool take_over(int fd, int *ret_fd, struct error *err)
{
    int flags = fcntl(fd, F_GETFL);

    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return error_set(err, ERROR_INVALID, "listen_failed",
                         "systemd handed over something else than a listening "
                         "stream socket");
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return failed("the socket of systemd", err);
    *ret_fd = fd;
    return true;
}

/* A server with a full backlog answers EAGAIN: it is there all the same. */
static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCKET_TYPE, 0);
    bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)address,
                                   sizeof(*address)) == 0 ||
                           errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

/* Whether a socket may take this path: nothing is there, or a stale socket. */
static bool may_replace(const struct sockaddr_un *address, struct error *err)
{
    const char *path = address->sun_path;
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? true : failed(path, err);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, ERROR_CONFLICT, "listen_failed",
                         "%s is there and is not a socket", path);
    return answers(address) ? in_use(path, err) : true;
}

/*
 * The socket is made beside its path and renamed over it when it listens, so
 * that a client finds the old socket or the new one, never none.
 */
static bool listen_unix(int fd, const char *path, struct error *err)
{
    struct sockaddr_un address, beside;
    char name[sizeof(address.sun_path) + 16];

    snprintf(name, sizeof(name), "%s.%d", path, (int)getpid());
    if (!unix_address(path, &address, err) ||
        !unix_address(name, &beside, err) || !may_replace(&address, err))
        return false;

    unlink(beside.sun_path);
    if (bind(fd, (struct sockaddr *)&beside, sizeof(beside)) < 0)
        return failed(path, err);
    if (chmod(beside.sun_path, 0660) < 0 || listen(fd, BACKLOG) < 0 ||
        rename(beside.sun_path, path) < 0) {
        failed(path, err);
        unlink(beside.sun_path);
        return false;
    }
    return true;
}

static bool open_unix(const char *path, int *ret_fd, struct error *err)
{
    int fd = socket(AF_UNIX, SOCKET_TYPE, 0);

    if (fd < 0)
        return failed(path, err);
    if (!listen_unix(fd, path, err)) {
        close(fd);
        return false;
    }
    *ret_fd = fd;
    return true;
}

/* getaddrinfo() takes any number and keeps its low 16 bits. */
static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits >= 1 && digits <= 5 && !text[digits] &&
           strtol(text, NULL, 10) <= 65535;
}

/* "host:port", "[v6]:port", ":port" or "*:port" into its two halves. */
static bool split(const char *where, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(where, ':'), *from = where, *end = colon;

    if (!colon || !is_port(colon + 1))
        return false;
    if (*where == '[') {
        from++;
        end--;
        if (end < from || *end != ']')
            return false;
    } else if (memchr(where, ':', (size_t)(colon - where))) {
        return false;
    }
    if ((size_t)(end - from) >= size)
        return false;

    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    *port = colon + 1;
    return true;
}

static int open_address(const struct addrinfo *info)
{
    int on = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCKET_TYPE,
                    info->ai_protocol);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool open_inet(const char *where, int *ret_fd, struct error *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    const char *port;
    char host[256];
    int fd = -1, failure;

    if (!split(where, host, sizeof(host), &port))
        return error_set(err, ERROR_INVALID, "listen_failed",
                         "a socket is a path, \"host:port\" or \"[v6]:port\", "
                         "not \"%s\"",
                         where);
    failure = getaddrinfo(*host && strcmp(host, "*") ? host : NULL, port,
                          &hints, &found);
    if (failure)
        return error_set(err, ERROR_INVALID, "listen_failed",
                         "cannot listen on %s: %s", where,
                         gai_strerror(failure));

    for (struct addrinfo *info = found; info && fd < 0; info = info->ai_next)
        fd = open_address(info);
    if (fd < 0 && errno == EADDRINUSE)
        in_use(where, err);
    else if (fd < 0)
        failed(where, err);
    freeaddrinfo(found);
    *ret_fd = fd >= 0 ? fd : *ret_fd;
    return fd >= 0;
}

bool notify_listen(const char *where, int *ret_fd, struct error *err)
{
    /* 1: the variables go, so that no child takes the socket for its own. */
    if (sd_listen_fds(1) > 0)
        return take_over(SD_LISTEN_FDS_START, ret_fd, err);
    if (strchr(where, '/'))
        return open_unix(where, ret_fd, err);
    return open_inet(where, ret_fd, err);
}
