#include "api.h"
#include "bell.h"
#include "clock.h"
#include "handlers.h"
#include "many.h"
#include "uuid.h"
#include "words.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

/* A filter on its way in, and as the database takes it. */
struct filter {
    struct request *req;
    struct json_out *out;
    int64_t limit;
};

typedef bool check_fn(struct filter *filter, const char *name,
                      const char *value, struct error *err);

static bool wrong(const char *name, const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_member", "%s must be %s",
                     name, what);
}

static bool add_text(struct filter *filter, const char *name, const char *value,
                     struct error *err)
{
    (void)err;
    json_add_string(filter->out, name, value);
    return true;
}

static bool add_owner(struct filter *filter, const char *name,
                      const char *value, struct error *err)
{
    const char *owner = http_owner(filter->req);

    if (owner && strcmp(owner, value) != 0)
        return error_set(err, ERROR_FORBIDDEN, "admin_only",
                         "only an admin changes the jobs of others");
    return add_text(filter, name, value, err);
}

static bool add_state(struct filter *filter, const char *name,
                      const char *value, struct error *err)
{
    return word_check(filter->req, name, value, job_states, "invalid_member",
                      err) &&
           add_text(filter, name, value, err);
}

static bool add_status(struct filter *filter, const char *name,
                       const char *value, struct error *err)
{
    return word_check(filter->req, name, value, job_statuses, "invalid_member",
                      err) &&
           add_text(filter, name, value, err);
}

static bool add_id(struct filter *filter, const char *name, const char *value,
                   struct error *err)
{
    return uuid_valid(value) ? add_text(filter, name, value, err)
                             : wrong(name, "an id", err);
}

static bool add_time(struct filter *filter, const char *name, const char *value,
                     struct error *err)
{
    int64_t ms;

    if (!clock_parse(value, &ms, err))
        return error_prefix(err, "%s", name);
    json_add_time(filter->out, name, ms);
    return true;
}

static const struct {
    const char *name;
    check_fn *add;
} members[] = {
    {"type",      add_text  },
    {"queue",     add_text  },
    {"tag",       add_text  },
    {"owner",     add_owner },
    {"state",     add_state },
    {"status",    add_status},
    {"errorCode", add_text  },
    {"batchId",   add_id    },
    {"before",    add_time  },
    {"after",     add_time  },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static bool add_limit(struct filter *filter, const json_t *value,
                      struct error *err)
{
    filter->limit = json_integer_value(value);
    return (json_is_integer(value) && filter->limit >= 1 &&
            filter->limit <= MANY_MOST) ||
           error_set(err, ERROR_INVALID, "invalid_member",
                     "limit must be a whole number from 1 to %d", MANY_MOST);
}

static bool add_member(struct filter *filter, const char *name,
                       const json_t *value, struct error *err)
{
    const char *text = json_string_value(value);

    if (!strcmp(name, "limit"))
        return add_limit(filter, value, err);
    for (size_t i = 0; i < COUNT(members); i++) {
        if (strcmp(name, members[i].name) != 0)
            continue;
        return text ? members[i].add(filter, name, text, err)
                    : wrong(name, "a string", err);
    }
    return error_set(err, ERROR_INVALID, "unknown_member",
                     "a filter has no member \"%.80s\"; there are type, queue, "
                     "tag, owner, state, status, errorCode, batchId, before, "
                     "after and limit",
                     name);
}

/* The filter of the body. A member that is null counts as left out. */
static bool read_filter(struct request *req, struct filter *ret,
                        struct error *err)
{
    json_t *body, *value;
    const char *name;

    *ret = (struct filter){req, json_out_new(req), MANY_MOST};
    if (!http_json(req, &body, err))
        return false;
    json_begin_object(ret->out, NULL);
    json_object_foreach(body, name, value)
        if (!json_is_null(value) && !add_member(ret, name, value, err))
            return false;
    json_end(ret->out);
    return true;
}

static void ring(void *arg)
{
    const struct request *req = arg;

    bell_ring(req->api->conf->run_dir, "jobs");
    bell_ring(req->api->conf->run_dir, "events");
}

static bool change_many(struct request *req, struct response *res,
                        const char *action, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct filter filter;
    struct db *db;
    int changed;
    bool more;

    if (!read_filter(req, &filter, err) || !http_db(req, &db, err))
        return false;

    struct many many = {.action = action,
                        .filter = json_out_text(filter.out, NULL),
                        .owner = http_owner(req),
                        .limit = (int)filter.limit,
                        .on_step = ring,
                        .arg = req};

    if (!job_many(db, &many, &changed, &more, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_int(out, "matched", changed);
    json_add_bool(out, "more", more);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool cancel_jobs(struct request *req, struct response *res, struct error *err)
{
    return change_many(req, res, "cancel", err);
}

bool retry_jobs(struct request *req, struct response *res, struct error *err)
{
    return change_many(req, res, "retry", err);
}

bool discard_jobs(struct request *req, struct response *res, struct error *err)
{
    return change_many(req, res, "discard", err);
}
