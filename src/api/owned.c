#include "owned.h"
#include "url.h"

#include <string.h>
#include <talloc.h>

bool owned_by(struct request *req, const char *things, const char **ret,
              struct error *err)
{
    const char *wanted = http_arg(req, "owner");

    if (wanted && http_owner(req) && strcmp(wanted, req->caller.owner) != 0)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "only an admin may have to do with the %s of others",
                         things);
    *ret = wanted ? wanted : req->caller.owner;
    return true;
}

bool owned_listed(struct request *req, const char *things, const char **ret,
                  struct error *err)
{
    if (!owned_by(req, things, ret, err))
        return false;
    if (!http_arg(req, "owner"))
        *ret = http_owner(req);
    return true;
}

bool owned_cursor(struct request *req, const char **ret_owner,
                  const char **ret_name, struct error *err)
{
    const char *cursor = http_arg(req, "cursor");
    const char *slash = cursor ? strrchr(cursor, '/') : NULL;

    if (cursor && !slash)
        return error_set(err, ERROR_INVALID, "invalid_cursor",
                         "cursor must be the nextCursor of an earlier answer");
    *ret_owner =
        cursor ? talloc_strndup(req, cursor, (size_t)(slash - cursor)) : NULL;
    *ret_name = cursor ? slash + 1 : NULL;
    return true;
}

void owned_next(struct json_out *out, void *mem, const char *owner,
                const char *name)
{
    json_add_string(out, "nextCursor",
                    talloc_asprintf(mem, "%s/%s", owner, name));
}

const char *owned_place(struct request *req, const char *path,
                        const char *owner, const char *name)
{
    name = url_encode(req, name);
    if (!strcmp(owner, req->caller.owner))
        return talloc_asprintf(req, "%s/%s", path, name);
    return talloc_asprintf(req, "%s/%s?owner=%s", path, name,
                           url_encode(req, owner));
}
