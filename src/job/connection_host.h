#ifndef JOB_CONNECTION_HOST_H
#define JOB_CONNECTION_HOST_H

#include "error.h"

/*
 * Whether saved connections may lead to a host: it is named in the list
 * `allowed` (MILLRACE_CONNECTION_HOSTS), or all its addresses are; where the
 * list is empty, none of them is link-local or a cloud's metadata service.
 * Resolves names, and so may take seconds. ERROR_INVALID forbidden_host;
 * ERROR_UNAVAILABLE unknown_host where the list has only networks and the name
 * has no addresses.
 */
bool connection_host_allowed(const char *allowed, const char *host,
                             struct error *err) MUST_CHECK;

#endif
