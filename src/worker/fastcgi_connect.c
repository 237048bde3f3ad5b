#include "fastcgi_connect.h"

#include <errno.h>
#include <event2/util.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool read_address(const char *text, struct sockaddr_storage *ret,
                         socklen_t *ret_len)
{
    struct sockaddr_un *local = (void *)ret;
    int len = sizeof(*ret);

    memset(ret, 0, sizeof(*ret));
    if (*text == '/') {
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, text,
               strnlen(text, sizeof(local->sun_path) - 1));
        *ret_len = sizeof(*local);
        return true;
    }
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)ret, &len) != 0)
        return false;
    *ret_len = (socklen_t)len;
    return true;
}

/* A unix socket whose backlog is full says EAGAIN. */
static const char *reason(int error)
{
    return error == EAGAIN ? "its backlog is full" : strerror(error);
}

bool fastcgi_connect(const char *text, int *ret, bool *ret_pending,
                     struct error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    int fd, error;

    if (!read_address(text, &address, &len))
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "it is no address");
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                0);
    if (fd < 0)
        return error_set(err, ERROR_UNAVAILABLE, "fastcgi_unavailable", "%s",
                         strerror(errno));
    error = connect(fd, (struct sockaddr *)&address, len) == 0 ? 0 : errno;
    if (error && error != EINPROGRESS) {
        close(fd);
        return error_set(err, ERROR_UNAVAILABLE, "fastcgi_unavailable", "%s",
                         reason(error));
    }
    *ret = fd;
    *ret_pending = error != 0;
    return true;
}
