#include "unix_address.h"

#include <string.h>
#include <sys/socket.h>

bool unix_address(const char *path, struct sockaddr_un *ret, struct error *err)
{
    size_t len = strlen(path);

    if (len >= sizeof(ret->sun_path))
        return error_set(err, ERROR_INVALID, "path_too_long",
                         "the path of a socket is at most %zu bytes long: %s",
                         sizeof(ret->sun_path) - 1, path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, len + 1);
    return true;
}
