#include "sse.h"

void sse_init(struct sse *sse, void *mem, sse_fn *on_event, void *arg)
{
    *sse = (struct sse){.on_event = on_event, .arg = arg};
    buf_init(&sse->line, mem, 256);
    buf_init(&sse->id, mem, 64);
    buf_init(&sse->name, mem, 64);
    buf_init(&sse->data, mem, 256);
    buf_init(&sse->last_id, mem, 64);
}

void sse_restart(struct sse *sse)
{
    sse->line.len = sse->name.len = sse->data.len = 0;
    sse->id.len = 0;
    buf_add(&sse->id, sse->last_id.data, sse->last_id.len);
    sse->after_return = false;
}

/* An empty line: what has come before it is an event, if it has data. */
static bool dispatch(struct sse *sse)
{
    struct sse_event event = {buf_text(&sse->id), buf_text(&sse->name),
                              buf_text(&sse->data)};
    bool go_on = true;

    sse->last_id.len = 0;
    buf_add(&sse->last_id, sse->id.data, sse->id.len);
    if (sse->data.len > 0)
        go_on = sse->on_event(&event, sse->arg);
    sse->name.len = sse->data.len = 0;
    return go_on;
}

static void set(struct buf *buf, const char *value)
{
    buf->len = 0;
    buf_add_text(buf, value);
}

static void take_field(struct sse *sse, const char *name, const char *value)
{
    if (!strcmp(name, "data")) {
        if (sse->data.len > 0)
            buf_add_char(&sse->data, '\n');
        buf_add_text(&sse->data, value);
    } else if (!strcmp(name, "event")) {
        set(&sse->name, value);
    } else if (!strcmp(name, "id")) {
        set(&sse->id, value);
    }
}

static bool take_line(struct sse *sse)
{
    char *line = sse->line.data, *colon;

    if (sse->line.len == 0)
        return dispatch(sse);
    line[sse->line.len] = '\0';
    sse->line.len = 0;
    colon = strchr(line, ':');
    if (colon == line)
        return true;
    if (colon)
        *colon = '\0';
    take_field(sse, line,
               !colon            ? ""
               : colon[1] == ' ' ? colon + 2
                                 : colon + 1);
    return true;
}

bool sse_feed(struct sse *sse, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool second = sse->after_return && data[i] == '\n';

        sse->after_return = data[i] == '\r';
        if (second)
            continue;
        if (data[i] != '\n' && data[i] != '\r')
            buf_add_char(&sse->line, data[i]);
        else if (!take_line(sse))
            return false;
    }
    return true;
}
