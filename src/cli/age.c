#include "age.h"

#include <inttypes.h>
#include <talloc.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* The largest unit that fits. */
static char *rough(void *mem, int64_t ms)
{
    if (ms < MINUTE)
        return talloc_asprintf(mem, "%" PRId64 "s", ms / SECOND);
    if (ms < HOUR)
        return talloc_asprintf(mem, "%" PRId64 "m", ms / MINUTE);
    if (ms < DAY)
        return talloc_asprintf(mem, "%" PRId64 "h", ms / HOUR);
    return talloc_asprintf(mem, "%" PRId64 "d", ms / DAY);
}

char *age_text(void *mem, int64_t at_ms, int64_t now_ms)
{
    int64_t ms = at_ms - now_ms;

    if (ms > -SECOND && ms < SECOND)
        return talloc_strdup(mem, "now");
    if (ms < 0)
        return talloc_asprintf(mem, "%s ago", rough(mem, -ms));
    return talloc_asprintf(mem, "in %s", rough(mem, ms));
}

char *age_span(void *mem, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (ms < SECOND)
        return talloc_asprintf(mem, "%" PRId64 "ms", ms);
    if (ms < MINUTE)
        return talloc_asprintf(mem, "%" PRId64 ".%" PRId64 "s", ms / SECOND,
                               ms % SECOND / 100);
    if (ms < HOUR)
        return talloc_asprintf(mem, "%" PRId64 "m%02" PRId64 "s", ms / MINUTE,
                               ms % MINUTE / SECOND);
    if (ms < DAY)
        return talloc_asprintf(mem, "%" PRId64 "h%02" PRId64 "m", ms / HOUR,
                               ms % HOUR / MINUTE);
    return talloc_asprintf(mem, "%" PRId64 "d%02" PRId64 "h", ms / DAY,
                           ms % DAY / HOUR);
}
