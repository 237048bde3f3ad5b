#include "tail.h"

#include "text.h"

#include <string.h>
#include <talloc.h>

#define MAX_LINE 2000 /* bytes of one */

struct tail {
    char *lines[TAIL_LINES]; /* from `first` on, around the end */
    size_t lens[TAIL_LINES];
    int first, count;
    size_t bytes;
};

struct tail *tail_new(void *mem)
{
    return talloc_zero(mem, struct tail);
}

static int place(const struct tail *tail, int nth)
{
    return (tail->first + nth) % TAIL_LINES;
}

static void drop_first(struct tail *tail)
{
    tail->bytes -= tail->lens[tail->first];
    TALLOC_FREE(tail->lines[tail->first]);
    tail->first = place(tail, 1);
    tail->count--;
}

void tail_add(struct tail *tail, const char *line, size_t len)
{
    char *clean;
    int at;

    if (text_is_blank(line, len))
        return;
    clean = text_clean(tail, line, len < MAX_LINE ? len : MAX_LINE);
    len = text_cut(clean, strlen(clean), MAX_LINE);
    clean[len] = '\0';
    while (tail->count == TAIL_LINES ||
           (tail->count > 0 && tail->bytes + len > TAIL_BYTES))
        drop_first(tail);
    at = place(tail, tail->count++);
    tail->lines[at] = clean;
    tail->lens[at] = len;
    tail->bytes += len;
}

const char *tail_last(const struct tail *tail)
{
    return tail->count > 0 ? tail->lines[place(tail, tail->count - 1)] : NULL;
}

void tail_write(const struct tail *tail, struct json_out *out, const char *name)
{
    if (tail->count == 0)
        return;
    json_begin_array(out, name);
    for (int i = 0; i < tail->count; i++)
        json_add_string(out, NULL, tail->lines[place(tail, i)]);
    json_end(out);
}
