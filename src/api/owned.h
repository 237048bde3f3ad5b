#ifndef API_OWNED_H
#define API_OWNED_H

#include "http.h"

/* What belongs to an owner and has a name there: schedules, connections. */

/* Whose the request is about: the caller's, or for an admin those of the
 * argument `owner`. ERROR_FORBIDDEN admin_only; `things` is for its text. */
bool owned_by(struct request *req, const char *things, const char **ret,
              struct error *err) MUST_CHECK;

/* For a list: an admin without that argument sees everybody's (NULL). */
bool owned_listed(struct request *req, const char *things, const char **ret,
                  struct error *err) MUST_CHECK;

/* Where a page begins, behind the last of the page before; NULL: at the first.
 * Names have no slash in them. */
bool owned_cursor(struct request *req, const char **ret_owner,
                  const char **ret_name, struct error *err) MUST_CHECK;

/* The member nextCursor. */
void owned_next(struct json_out *out, void *mem, const char *owner,
                const char *name);

/* Where one is to be had: another's with the argument that names them. */
const char *owned_place(struct request *req, const char *path,
                        const char *owner, const char *name);

#endif
