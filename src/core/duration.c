#include "clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <talloc.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define MAX_MS    (3650 * DAY_MS)

/* In falling order. A text uses a unit from `use_from` on, so that a minute and
 * a half is "90s" and not "1m30s". */
static const struct unit {
    const char *name;
    int64_t ms, use_from;
} units[] = {
    {"d",  DAY_MS,    DAY_MS       },
    {"h",  HOUR_MS,   HOUR_MS      },
    {"m",  MINUTE_MS, 2 * MINUTE_MS},
    {"s",  SECOND_MS, 2 * SECOND_MS},
    {"ms", 1,         1            },
};

static const size_t unit_count = sizeof(units) / sizeof(*units);

/* Take the digits of a count; one too large for any duration stays MAX_MS. */
static bool take_count(const char **at, int64_t *ret)
{
    int64_t value = 0;

    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++) {
        value = value * 10 + (**at - '0');
        value = value > MAX_MS ? MAX_MS + 1 : value;
    }
    *ret = value;
    return true;
}

/* Take the name of a unit at or after `from`. */
static bool take_unit(const char **at, size_t from, size_t *ret)
{
    size_t len = 0;

    while (isalpha((unsigned char)(*at)[len]))
        len++;
    for (size_t i = from; i < unit_count; i++) {
        if (strlen(units[i].name) == len && !memcmp(*at, units[i].name, len)) {
            *at += len;
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool read_duration(const char *text, int64_t *ret)
{
    int64_t total = 0, count = 0;
    size_t unit = 0;

    for (size_t next = 0; *text || next == 0; next = unit + 1) {
        if (!take_count(&text, &count) || !take_unit(&text, next, &unit))
            return false;
        if (count > MAX_MS / units[unit].ms)
            return false;
        total += count * units[unit].ms;
    }
    if (total > MAX_MS)
        return false;
    *ret = total;
    return true;
}

bool duration_parse(const char *text, int64_t *ret_ms, struct error *err)
{
    if (read_duration(text, ret_ms))
        return true;
    return error_set(err, ERROR_INVALID, "invalid_duration",
                     "a duration is written like \"500ms\", \"90s\", \"10m\" "
                     "or \"1h30m\" and is at most 3650d, not \"%s\"",
                     text);
}

char *duration_text(void *mem, int64_t ms)
{
    char *text = talloc_strdup(mem, "");
    int64_t left = ms;

    for (const struct unit *u = units; u < units + unit_count; u++) {
        if (left < u->ms || (ms < u->use_from && left != u->ms))
            continue;
        text = talloc_asprintf_append(text, "%" PRId64 "%s", left / u->ms,
                                      u->name);
        left %= u->ms;
    }
    return *text ? text : talloc_strdup_append(text, "0s");
}
