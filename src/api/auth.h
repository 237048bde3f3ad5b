#ifndef API_AUTH_H
#define API_AUTH_H

#include "http.h"

/*
 * Who calls: "Authorization: Bearer mr_…", or the cookie millrace_session of a
 * browser. What the database said of a token is believed for two seconds, so
 * that a flood of posts does not ask it each time; a revoked token may work
 * that much longer. Refusals are not remembered.
 */
struct auth;

#define AUTH_COOKIE "millrace_session"

struct auth *auth_new(void *mem);

/*
 * Fill req->caller, unless it is trusted. ERROR_DENIED missing_token or invalid_token;
 * ERROR_FORBIDDEN cross_site where a browser says that another site made it
 * send the cookie.
 */
bool auth_check(struct request *req, struct error *err) MUST_CHECK;

/* Whether it is not another site that sends a browser's request:
 * ERROR_FORBIDDEN cross_site. */
bool auth_check_site(const struct request *req, struct error *err) MUST_CHECK;

/* The bearer token of a request, or NULL; the session cookie's value, or NULL,
 * on the request. */
const char *auth_bearer(const struct request *req);
const char *auth_cookie(struct request *req);

/* Forget what is known of a token or a cookie: it has just ended. */
void auth_forget(struct auth *auth, const char *text);

#endif
