#include "conf_value.h"
#include "clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <talloc.h>

static const struct {
    const char *name;
    int64_t bytes;
} sizes[] = {
    {"TB", INT64_C(1) << 40},
    {"GB", INT64_C(1) << 30},
    {"MB", INT64_C(1) << 20},
    {"KB", INT64_C(1) << 10},
    {"B",  1               },
    {"",   1               },
};

static const size_t size_count = sizeof(sizes) / sizeof(*sizes);

/* Digits only: no sign, no space; *ret_end is behind them. */
static bool read_digits(const char *text, int64_t *ret, char **ret_end)
{
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *ret = strtoll(text, ret_end, 10);
    return errno == 0;
}

static bool read_count(const char *text, int64_t *ret)
{
    char *end;

    return read_digits(text, ret, &end) && !*end;
}

static bool read_bytes(const char *text, int64_t *ret)
{
    int64_t number;
    char *unit;

    if (!read_digits(text, &number, &unit))
        return false;
    for (size_t i = 0; i < size_count; i++)
        if (!strcasecmp(unit, sizes[i].name))
            return !__builtin_mul_overflow(number, sizes[i].bytes, ret);
    return false;
}

static char *bytes_text(void *mem, int64_t value)
{
    size_t i = 0;

    while (value < sizes[i].bytes && sizes[i].bytes > 1)
        i++;
    while (value % sizes[i].bytes != 0)
        i++;
    return talloc_asprintf(mem, "%" PRId64 "%s", value / sizes[i].bytes,
                           sizes[i].name);
}

bool conf_value_read(enum conf_type type, const char *text, int64_t *ret)
{
    struct error err;

    switch (type) {
    case CONF_COUNT:
        return read_count(text, ret);
    case CONF_BYTES:
        return read_bytes(text, ret);
    case CONF_DURATION:
        return duration_parse(text, ret, &err);
    case CONF_TEXT:
    case CONF_SECRET:
    case CONF_LEVEL:
        break;
    }
    return false;
}

char *conf_value_text(void *mem, enum conf_type type, int64_t value)
{
    switch (type) {
    case CONF_BYTES:
        return bytes_text(mem, value);
    case CONF_DURATION:
        return duration_text(mem, value);
    default:
        return talloc_asprintf(mem, "%" PRId64, value);
    }
}
