#include "schedule_write.h"
#include "api.h"
#include "bell.h"
#include "clock.h"

#include <string.h>

void schedule_write(struct json_out *out, void *mem,
                    const struct schedule *schedule)
{
    json_add_string(out, "name", schedule->name);
    json_may_string(out, "cron", schedule->cron);
    if (schedule->every_ms)
        json_add_string(out, "every", duration_text(mem, schedule->every_ms));
    json_add_string(out, "timezone", schedule->timezone);
    json_add_string(out, "type", schedule->type);
    json_add_raw(out, "payload", schedule->payload);
    json_add_raw(out, "options", schedule->options);
    json_add_string(out, "overlap", schedule->overlap);
    json_add_string(out, "missed", schedule->missed);
    json_add_int(out, "missedLimit", schedule->missed_limit);
    json_add_bool(out, "paused", schedule->paused);
    json_may_time(out, "nextRunAt", schedule->next_run_at);
    json_may_time(out, "lastRunAt", schedule->last_run_at);
    json_may_string(out, "lastJobId", schedule->last_job_id);
    json_may_raw(out, "lastError", schedule->last_error);
    json_add_string(out, "owner", schedule->owner);
    json_add_time(out, "createdAt", schedule->created_at);
}

bool schedule_send(struct request *req, struct response *res, int status,
                   struct db *db, const char *owner, const char *name,
                   struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct schedule schedule;

    if (!schedule_by_name(db, req, owner, name, &schedule, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    schedule_write(out, req, &schedule);
    json_end(out);
    http_send(res, status, out);
    return true;
}

void schedule_ring(const struct request *req)
{
    bell_ring(req->api->conf->run_dir, "jobs");
    bell_ring(req->api->conf->run_dir, "events");
}
