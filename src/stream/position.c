#include "position.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

static bool refuse(struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_event_id",
                     "the position is not an id that this stream has sent");
}

static bool read_seq(const char *text, int64_t *ret)
{
    int64_t seq = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(seq, 10, &seq) ||
            __builtin_add_overflow(seq, *p - '0', &seq))
            return false;
    if (p == text || *p)
        return false;
    *ret = seq;
    return true;
}

bool position_parse_seq(const char *text, int64_t *ret, struct error *err)
{
    return read_seq(text, ret) || refuse(err);
}

bool position_parse(void *mem, const char *text, struct position *ret,
                    struct error *err)
{
    const char *first = strchr(text, '~');
    const char *second = first ? strchr(first + 1, '~') : NULL;
    struct position at;
    struct error ignored;

    if (!second || !read_seq(second + 1, &at.after) ||
        !snapshot_parse(mem, text, first, &at.before, &ignored) ||
        !snapshot_parse(mem, first + 1, second, &at.within, &ignored))
        return refuse(err);

    /* Nothing lies between a look and itself. */
    if (!strcmp(at.before->text, at.within->text))
        at = (struct position){.before = at.before};
    *ret = at;
    return true;
}

void position_settle(struct position *at)
{
    talloc_free(at->before);
    *at = (struct position){.before = at->within};
}

char *position_text(void *mem, const struct snapshot *before,
                    const struct snapshot *within, int64_t after)
{
    return talloc_asprintf(mem, "%s~%s~%" PRId64, before->text, within->text,
                           after);
}
