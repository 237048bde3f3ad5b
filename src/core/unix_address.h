#ifndef CORE_UNIX_ADDRESS_H
#define CORE_UNIX_ADDRESS_H

#include "error.h"

#include <sys/un.h>

/* The address of a unix socket; ERROR_INVALID where the path is too long. */
bool unix_address(const char *path, struct sockaddr_un *ret,
                  struct error *err) MUST_CHECK;

#endif
