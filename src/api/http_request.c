#include "api.h"
#include "http.h"
#include "pool.h"
#include "uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

/* CGI's variables that a request takes as they are. */
static const struct {
    const char *name;
    size_t member;
} variables[] = {
    {"REQUEST_METHOD",       offsetof(struct request, method)         },
    {"QUERY_STRING",         offsetof(struct request, query)          },
    {"CONTENT_TYPE",         offsetof(struct request, content_type)   },
    {"HTTP_AUTHORIZATION",   offsetof(struct request, authorization)  },
    {"HTTP_COOKIE",          offsetof(struct request, cookie)         },
    {"HTTP_PREFER",          offsetof(struct request, prefer)         },
    {"HTTP_IDEMPOTENCY_KEY", offsetof(struct request, idempotency_key)},
    {"HTTP_ACCEPT",          offsetof(struct request, accept)         },
    {"HTTP_LAST_EVENT_ID",   offsetof(struct request, last_event_id)  },
    {"HTTP_SEC_FETCH_SITE",  offsetof(struct request, fetch_site)     },
    {"HTTPS",                offsetof(struct request, https)          },
};

static const char *variable(char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; *env; env++)
        if (!strncmp(*env, name, len) && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

/* REQUEST_URI is the only one that has not been decoded on its way. */
static char *path_of(void *mem, char *const *env)
{
    const char *uri = variable(env, "REQUEST_URI");
    const char *script = variable(env, "SCRIPT_NAME");
    const char *info = variable(env, "PATH_INFO");

    if (uri)
        return talloc_strndup(mem, uri, strcspn(uri, "?"));
    return talloc_asprintf(mem, "%s%s", script ? script : "", info ? info : "");
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* The routes of 003 are their own; all else of version 1 is what there is. */
static void strip_version(char *path)
{
    if (begins(path, "/api/v1/") && !begins(path, "/api/v1/analysis/"))
        memmove(path + 4, path + 7, strlen(path + 7) + 1);
}

static int64_t length_of(char *const *env)
{
    const char *text = variable(env, "CONTENT_LENGTH");
    char *end;
    int64_t length;

    if (!text || !*text)
        return -1;
    length = strtoll(text, &end, 10);
    return *end || length < 0 ? -1 : length;
}

struct request *http_request_new(void *mem, struct api *api, char *const *env,
                                 body_fn *read, void *source)
{
    struct request *req = talloc_zero(mem, struct request);

    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        *(const char **)((char *)req + variables[i].member) =
            variable(env, variables[i].name);
    if (!req->method)
        req->method = "GET";
    req->head = !strcmp(req->method, "HEAD");
    if (req->head)
        req->method = "GET";
    req->path = path_of(req, env);
    strip_version(req->path);
    req->api = api;
    req->body.read = read;
    req->body.source = source;
    req->body.length = length_of(env);
    return req;
}

const char *http_arg(const struct request *req, const char *name)
{
    for (int i = 0; i < req->arg_count; i++)
        if (!strcmp(req->args[i].name, name))
            return req->args[i].value;
    return NULL;
}

bool http_arg_int(const struct request *req, const char *name, int64_t min,
                  int64_t max, int64_t standard, int64_t *ret,
                  struct error *err)
{
    const char *text = http_arg(req, name);
    char *end = NULL;
    int64_t value;

    if (!text) {
        *ret = standard;
        return true;
    }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (!strchr("-0123456789", *text) || !*text || *end || errno ||
        value < min || value > max)
        return error_set(err, ERROR_INVALID, "invalid_parameter",
                         "%s must be a whole number from %" PRId64
                         " to %" PRId64,
                         name, min, max);
    *ret = value;
    return true;
}

bool http_id(const struct request *req, const char **ret, struct error *err)
{
    if (!uuid_valid(req->params[0]))
        return error_set(err, ERROR_INVALID, "invalid_id",
                         "\"%.80s\" is not an id: ids are UUIDs",
                         req->params[0]);
    *ret = req->params[0];
    return true;
}

bool http_is_type(const struct request *req, const char *type)
{
    const char *have = req->content_type ? req->content_type : "";
    size_t len = strcspn(have, "; \t");

    return len == strlen(type) && !strncasecmp(have, type, len);
}

const char *http_owner(const struct request *req)
{
    return req->caller.role == ROLE_ADMIN ? NULL : req->caller.owner;
}

bool http_db(struct request *req, struct db **ret, struct error *err)
{
    if (!req->db && !pool_take(req->api->pool, &req->db, err))
        return false;
    *ret = req->db;
    return true;
}

void http_db_done(struct request *req)
{
    if (req->db)
        pool_give(req->api->pool, req->db);
    req->db = NULL;
}

void http_db_drop(struct request *req)
{
    if (req->db)
        pool_drop(req->api->pool, req->db);
    req->db = NULL;
}
