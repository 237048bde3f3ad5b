#include "api.h"
#include "auth.h"
#include "handlers.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

static void set_cookie(struct request *req, struct response *res,
                       const char *value, int64_t seconds)
{
    bool secure = req->https && !strcmp(req->https, "on");

    http_header(req, res, "Set-Cookie",
                talloc_asprintf(req,
                                AUTH_COOKIE "=%s; Path=/; Max-Age=%" PRId64
                                            "; HttpOnly; SameSite=Strict%s",
                                value, seconds, secure ? "; Secure" : ""));
}

static void send_caller(struct request *req, struct response *res,
                        const struct caller *caller)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "user", caller->owner);
    json_add_string(out, "role", caller->role == ROLE_ADMIN ? "admin" : "user");
    json_end(out);
    http_send(res, 200, out);
}

/* The token of the header, or of the body {"token": "mr_..."}. */
static bool read_token(struct request *req, const char **ret, struct error *err)
{
    json_t *body, *token;

    *ret = auth_bearer(req);
    if (*ret)
        return true;
    if (!http_json(req, &body, err))
        return false;
    token = json_object_get(body, "token");
    if (!json_is_string(token) || json_object_size(body) != 1)
        return error_set(err, ERROR_INVALID, "invalid_body",
                         "the body must be {\"token\": \"mr_...\"}");
    *ret = json_string_value(token);
    return true;
}

bool post_session(struct request *req, struct response *res, struct error *err)
{
    int64_t ttl = req->api->conf->session_ttl;
    char cookie[TOKEN_TEXT];
    const char *token;
    struct db *db;

    /* Nor may another site put its own session under what a user does next. */
    if (!auth_check_site(req, err) || !read_token(req, &token, err) ||
        !http_db(req, &db, err) ||
        !token_check(db, req, token, &req->caller, err) ||
        !session_create(db, req->caller.token_id, ttl, cookie, err))
        return false;
    set_cookie(req, res, cookie, ttl / 1000);
    send_caller(req, res, &req->caller);
    return true;
}

bool get_session(struct request *req, struct response *res, struct error *err)
{
    (void)err;
    send_caller(req, res, &req->caller);
    return true;
}

bool delete_session(struct request *req, struct response *res,
                    struct error *err)
{
    const char *cookie = auth_cookie(req);
    struct db *db;

    if (cookie && (!http_db(req, &db, err) || !session_end(db, cookie, err)))
        return false;
    if (cookie)
        auth_forget(req->api->auth, cookie);
    set_cookie(req, res, "", 0);
    return http_done(req, res);
}
