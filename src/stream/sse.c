#include "sse.h"

#include "json.h"

#include <talloc.h>

/* JSON may have line ends between its tokens; in a data line they would end
 * it. Within strings JSON has none. */
static const char *one_line(void *mem, const char *json)
{
    char *line = talloc_strdup(mem, json);

    for (char *p = line; p && *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    return line;
}

static const char *data(void *mem, const struct event *event)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    json_add_string(out, "type", event->what->type);
    json_add_string(out, "jobId", event->job_id);
    json_add_string(out, "jobType", event->job_type);
    json_may_string(out, "batchId", event->batch);
    json_add_string(out, "status", event->what->status);
    json_add_int(out, "progress", event->progress);
    json_may_string(out, "message", event->message);
    json_add_int(out, "attempt", event->attempt);
    json_add_time(out, "at", event->at_ms);
    if (event->what->has_result)
        json_may_raw(out, "result", one_line(out, event->result));
    if (event->what->has_error)
        json_may_raw(out, "error", one_line(out, event->error));
    json_end(out);
    return json_out_text(out, NULL);
}

static const char *batch_data(void *mem, const struct event *event)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    json_add_string(out, "type", event->what->type);
    if (event->result)
        json_add_members(out, one_line(out, event->result));
    else
        json_add_string(out, "batchId", event->job_id);
    json_add_time(out, "at", event->at_ms);
    json_end(out);
    return json_out_text(out, NULL);
}

const char *sse_body(void *mem, const struct event *event)
{
    return talloc_asprintf(mem, "event: %s\ndata: %s\n\n", event->what->name,
                           event->what->of_batch ? batch_data(mem, event)
                                                 : data(mem, event));
}
