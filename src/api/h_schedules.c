#include "handlers.h"
#include "job_read.h"
#include "post.h"
#include "schedule_write.h"
#include "url.h"

#include <string.h>
#include <talloc.h>

#define STANDARD_LIMIT 100

/* --- read */

/* Where a page begins: "owner/name" of the last schedule of the page before.
 * Names have no slash in them. */
static bool read_cursor(struct request *req, const char **ret_owner,
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

static void send_list(struct request *req, struct response *res,
                      const struct schedule *list, int count, bool more)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, "schedules");
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        schedule_write(out, req, &list[i]);
        json_end(out);
    }
    json_end(out);
    if (more)
        json_add_string(out, "nextCursor",
                        talloc_asprintf(req, "%s/%s", list[count - 1].owner,
                                        list[count - 1].name));
    json_end(out);
    http_send(res, 200, out);
}

/* An admin without the argument `owner` sees everybody's. */
bool get_schedules(struct request *req, struct response *res, struct error *err)
{
    const char *owner, *after_owner, *after_name;
    struct schedule *list;
    int64_t limit;
    struct db *db;
    int count;

    if (!schedule_owner(req, &owner, err) ||
        !read_cursor(req, &after_owner, &after_name, err) ||
        !http_arg_int(req, "limit", 1, SCHEDULE_LIST_MOST, STANDARD_LIMIT,
                      &limit, err))
        return false;
    if (!http_arg(req, "owner"))
        owner = http_owner(req);
    if (!http_db(req, &db, err) ||
        !schedule_list(db, req, owner, after_owner, after_name, (int)limit + 1,
                       &list, &count, err))
        return false;
    send_list(req, res, list, count > limit ? (int)limit : count,
              count > limit);
    return true;
}

bool get_schedule(struct request *req, struct response *res, struct error *err)
{
    const char *owner;
    struct db *db;

    return schedule_owner(req, &owner, err) && http_db(req, &db, err) &&
           schedule_send(req, res, 200, db, owner, req->params[0], err);
}

bool get_schedule_next(struct request *req, struct response *res,
                       struct error *err)
{
    struct json_out *out = json_out_new(req);
    int64_t wanted, *times;
    const char *owner;
    struct db *db;
    int count;

    if (!schedule_owner(req, &owner, err) ||
        !http_arg_int(req, "count", 1, SCHEDULE_NEXT_MOST, 20, &wanted, err) ||
        !http_db(req, &db, err) ||
        !schedule_next(db, req, owner, req->params[0], (int)wanted, &times,
                       &count, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, "next");
    for (int i = 0; i < count; i++)
        json_add_time(out, NULL, times[i]);
    json_end(out);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

/* --- write */

/*
 * The options of the jobs, as POST /api/jobs would read them: what is wrong is
 * said in the same words. The rest of the description is for the database,
 * which gets all of it as it was written.
 */
static bool check_options(struct request *req, json_t *body, struct error *err)
{
    json_t *type = json_object_get(body, "type");
    json_t *options = json_object_get(body, "options");
    const char *member, *text;
    struct new_job job;

    if (!json_is_string(type) || !json_is_object(options))
        return true;
    text = json_member_text(req, req->text, req->text_len, "options");
    json_object_set(options, "type", type);
    if (job_read(req, options, text, strlen(text), &job, &member, err))
        return post_allowed(req, &job, 1, err);
    return member && !strcmp(member, "type") ? false
                                             : error_prefix(err, "options");
}

/* Where it is to be had: another's with the argument that names them. */
static const char *place_of(struct request *req, const char *owner,
                            const char *name)
{
    if (!strcmp(owner, req->caller.owner))
        return talloc_asprintf(req, "/api/schedules/%s", name);
    return talloc_asprintf(req, "/api/schedules/%s?owner=%s", name,
                           url_encode(req, owner));
}

static bool put(struct request *req, struct response *res, const char *name,
                bool only_new, struct error *err)
{
    const char *owner;
    struct db *db;
    json_t *body;
    bool created;

    if (!schedule_owner(req, &owner, err) || !http_json(req, &body, err) ||
        !check_options(req, body, err) || !http_db(req, &db, err) ||
        !schedule_put(db, req, owner, name, req->text, only_new, &created,
                      &name, err) ||
        !schedule_send(req, res, created ? 201 : 200, db, owner, name, err))
        return false;
    if (created)
        http_header(req, res, "Location", place_of(req, owner, name));
    schedule_ring(req);
    return true;
}

bool post_schedule(struct request *req, struct response *res, struct error *err)
{
    return put(req, res, NULL, true, err);
}

bool put_schedule(struct request *req, struct response *res, struct error *err)
{
    return put(req, res, req->params[0], false, err);
}
