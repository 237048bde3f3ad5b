#ifndef WORKER_FASTCGI_CONNECT_H
#define WORKER_FASTCGI_CONNECT_H

#include "error.h"

/*
 * Begin to connect to a unix socket's path or a numeric address with a port.
 * *ret_pending: it is not known yet whether that works.
 */
bool fastcgi_connect(const char *socket, int *ret, bool *ret_pending,
                     struct error *err) MUST_CHECK;

#endif
