#include "handlers.h"
#include "job_read.h"
#include "owned.h"
#include "post.h"
#include "schedule_write.h"

#include <string.h>
#include <talloc.h>

#define STANDARD_LIMIT 100

/* --- read */

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
        owned_next(out, req, list[count - 1].owner, list[count - 1].name);
    json_end(out);
    http_send(res, 200, out);
}

bool get_schedules(struct request *req, struct response *res, struct error *err)
{
    const char *owner, *after_owner, *after_name;
    struct schedule *list;
    int64_t limit;
    struct db *db;
    int count;

    if (!owned_listed(req, "schedules", &owner, err) ||
        !owned_cursor(req, &after_owner, &after_name, err) ||
        !http_arg_int(req, "limit", 1, SCHEDULE_LIST_MOST, STANDARD_LIMIT,
                      &limit, err) ||
        !http_db(req, &db, err) ||
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

    return owned_by(req, "schedules", &owner, err) && http_db(req, &db, err) &&
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

    if (!owned_by(req, "schedules", &owner, err) ||
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

static bool put(struct request *req, struct response *res, const char *name,
                bool only_new, struct error *err)
{
    const char *owner;
    struct db *db;
    json_t *body;
    bool created;

    if (!owned_by(req, "schedules", &owner, err) ||
        !http_json(req, &body, err) || !check_options(req, body, err) ||
        !http_db(req, &db, err) ||
        !schedule_put(db, req, owner, name, req->text, only_new, &created,
                      &name, err) ||
        !schedule_send(req, res, created ? 201 : 200, db, owner, name, err))
        return false;
    if (created)
        http_header(req, res, "Location",
                    owned_place(req, "/api/schedules", owner, name));
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
