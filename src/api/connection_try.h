#ifndef API_CONNECTION_TRY_H
#define API_CONNECTION_TRY_H

#include "connection.h"
#include "http.h"

/*
 * Connect as a job would, by the program connection-test: a process of its own
 * talks to a server that anybody may have named. *ret_version is what the
 * server calls itself, on the request. ERROR_MISMATCH connection_failed with
 * the server's words, its own code in the details; ERROR_INVALID
 * forbidden_host; ERROR_BUSY busy where many are being tried. Takes seconds:
 * call http_db_done first.
 */
bool connection_try(struct request *req, struct response *res,
                    const struct connection *connection, const char *password,
                    const char **ret_version, struct error *err) MUST_CHECK;

#endif
