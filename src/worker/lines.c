#include "lines.h"

#include <talloc.h>

#define FIRST_SIZE 256

void lines_init(struct lines *lines, void *mem, size_t max, line_fn *on_line,
                void *arg)
{
    *lines =
        (struct lines){.mem = mem, .max = max, .on_line = on_line, .arg = arg};
}

static void keep(struct lines *lines, const char *data, size_t len)
{
    if (!lines->kept.data)
        buf_init(&lines->kept, lines->mem, FIRST_SIZE);
    buf_add(&lines->kept, data, len);
}

static void drop_kept(struct lines *lines)
{
    talloc_free(lines->kept.data);
    lines->kept = (struct buf){0};
}

static void hand_on(struct lines *lines, const char *line, size_t len)
{
    bool cut = len > lines->max;

    lines->on_line(line, cut ? lines->max : len, cut, lines->arg);
}

/* The end of a line whose beginning may have been kept. */
static void end_line(struct lines *lines, const char *data, size_t len)
{
    if (lines->skipping) {
        lines->skipping = false;
    } else if (!lines->kept.data) {
        hand_on(lines, data, len);
    } else {
        buf_add(&lines->kept, data, len);
        hand_on(lines, lines->kept.data, lines->kept.len);
        drop_kept(lines);
    }
}

static void begin_line(struct lines *lines, const char *data, size_t len)
{
    if (lines->skipping || len == 0)
        return;
    keep(lines, data, len);
    if (lines->kept.len <= lines->max)
        return;
    hand_on(lines, lines->kept.data, lines->kept.len);
    drop_kept(lines);
    lines->skipping = true;
}

void lines_feed(struct lines *lines, const char *data, size_t len)
{
    const char *end = data + len, *feed;

    while (data < end && (feed = memchr(data, '\n', (size_t)(end - data)))) {
        end_line(lines, data, (size_t)(feed - data));
        data = feed + 1;
    }
    begin_line(lines, data, (size_t)(end - data));
}

void lines_end(struct lines *lines)
{
    if (lines->kept.data)
        end_line(lines, "", 0);
    lines->skipping = false;
}
