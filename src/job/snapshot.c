#include "snapshot.h"

#include <string.h>
#include <talloc.h>

/* A number in its shortest form, as PostgreSQL writes it; 0 is no xid. */
static bool read_xid(const char **at, const char *end, uint64_t *ret)
{
    uint64_t xid = 0;
    const char *p = *at;

    if (p < end && *p == '0')
        return false;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(xid, 10u, &xid) ||
            __builtin_add_overflow(xid, (unsigned)(*p - '0'), &xid))
            return false;
    *at = p;
    *ret = xid;
    return xid > 0;
}

static bool skip(const char **at, const char *end, char what)
{
    if (*at == end || **at != what)
        return false;
    ++*at;
    return true;
}

static size_t count_char(const char *from, const char *end, char what)
{
    size_t count = 0;

    for (; from < end; from++)
        count += *from == what;
    return count;
}

/* The list of xids: none, or rising within xmin and xmax. */
static bool read_xip(struct snapshot *s, const char *at, const char *end)
{
    uint64_t least = s->xmin;

    if (at == end)
        return true;
    do {
        uint64_t xid;

        if (!read_xid(&at, end, &xid) || xid < least || xid >= s->xmax)
            return false;
        s->xip[s->count++] = xid;
        least = xid + 1;
    } while (skip(&at, end, ','));
    return at == end;
}

static bool read_whole(struct snapshot *s, const char *at, const char *end)
{
    return read_xid(&at, end, &s->xmin) && skip(&at, end, ':') &&
           read_xid(&at, end, &s->xmax) && skip(&at, end, ':') &&
           s->xmin <= s->xmax && read_xip(s, at, end);
}

bool snapshot_parse(void *mem, const char *text, const char *end,
                    struct snapshot **ret, struct error *err)
{
    size_t most = count_char(text, end, ',') + 1;
    struct snapshot *s =
        talloc_zero_size(mem, sizeof(*s) + most * sizeof(s->xip[0]));

    talloc_set_name_const(s, "struct snapshot");
    if (!read_whole(s, text, end)) {
        talloc_free(s);
        return error_set(err, ERROR_INVALID, "invalid_snapshot",
                         "\"%.*s\" is not a snapshot",
                         (int)(end - text < 80 ? end - text : 80), text);
    }
    s->text = talloc_strndup(s, text, (size_t)(end - text));
    *ret = s;
    return true;
}

struct snapshot *snapshot_copy(void *mem, const struct snapshot *snapshot)
{
    struct snapshot *copy = talloc_memdup(
        mem, snapshot,
        sizeof(*copy) + snapshot->count * sizeof(snapshot->xip[0]));

    talloc_set_name_const(copy, "struct snapshot");
    copy->text = talloc_strdup(copy, snapshot->text);
    return copy;
}

static bool in_progress(const struct snapshot *s, uint64_t xid)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->xip[middle] == xid)
            return true;
        if (s->xip[middle] < xid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool snapshot_sees(const struct snapshot *s, uint64_t xid)
{
    return xid < s->xmin || (xid < s->xmax && !in_progress(s, xid));
}

/* With the same xmax, the later one has fewer that are in progress. */
bool snapshot_newer(const struct snapshot *a, const struct snapshot *b)
{
    return a->xmax != b->xmax ? a->xmax > b->xmax : a->count < b->count;
}
