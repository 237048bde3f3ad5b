#ifndef API_CONNECTION_READ_H
#define API_CONNECTION_READ_H

#include "connection.h"
#include "http.h"

#define CONNECTION_THINGS "connections"

/* A connection as a request describes it. */
struct connection_form {
    struct connection connection; /* what the request says; the id not */
    bool has_password;            /* it says something of it … */
    const char *password;         /* … NULL: there is none */
    bool test;
};

/*
 * The body of the request, whole: ERROR_INVALID missing_member, unknown_member,
 * invalid_member. `name` is the one of the path, NULL where the body has to
 * have it.
 */
bool connection_read(struct request *req, const char *name,
                     struct connection_form *ret, struct error *err) MUST_CHECK;

/* The one that the path names, of whom the request is about (see owned.h). */
bool connection_of_path(struct request *req, struct db **ret_db,
                        struct connection *ret, struct error *err) MUST_CHECK;

/* As it is shown; never with its password. */
void connection_write(struct json_out *out, const struct connection *c);

#endif
