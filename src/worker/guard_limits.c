#include "guard_limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    __rlimit_resource_t resource;
} limit_names[] = {
    {"as",      RLIMIT_AS     },
    {"core",    RLIMIT_CORE   },
    {"cpu",     RLIMIT_CPU    },
    {"data",    RLIMIT_DATA   },
    {"fsize",   RLIMIT_FSIZE  },
    {"memlock", RLIMIT_MEMLOCK},
    {"nofile",  RLIMIT_NOFILE },
    {"nproc",   RLIMIT_NPROC  },
    {"stack",   RLIMIT_STACK  },
};

static const size_t limit_name_count =
    sizeof(limit_names) / sizeof(*limit_names);

/* Read digits up to one of the characters in ends, or to the end of text. */
static bool number(const char *text, const char *ends, uint64_t *ret,
                   const char **ret_end)
{
    unsigned long long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno || (*end && !strchr(ends, *end)))
        return false;
    *ret = value;
    *ret_end = end;
    return true;
}

static bool limit_value(const char *text, rlim_t *ret, const char **ret_end)
{
    size_t length = strcspn(text, ":");

    if (length == strlen("unlimited") && !strncmp(text, "unlimited", length)) {
        *ret = RLIM_INFINITY;
        *ret_end = text + length;
        return true;
    }
    return number(text, ":", ret, ret_end);
}

static bool limit_resource(const char *name, size_t length,
                           __rlimit_resource_t *ret)
{
    for (size_t i = 0; i < limit_name_count; i++) {
        if (strlen(limit_names[i].name) == length &&
            !strncasecmp(limit_names[i].name, name, length)) {
            *ret = limit_names[i].resource;
            return true;
        }
    }
    return false;
}

bool guard_limits_add(struct guard_limits *limits, const char *text)
{
    struct guard_limit limit;
    size_t length = strcspn(text, "=");
    const char *end;

    if (limits->count == RLIM_NLIMITS || !text[length] ||
        !limit_resource(text, length, &limit.resource) ||
        !limit_value(text + length + 1, &limit.values.rlim_cur, &end))
        return false;
    limit.values.rlim_max = limit.values.rlim_cur;
    if (*end && (!limit_value(end + 1, &limit.values.rlim_max, &end) || *end))
        return false;
    limits->list[limits->count++] = limit;
    return true;
}

bool guard_number(const char *text, uint64_t *ret)
{
    const char *end;

    return number(text, "", ret, &end);
}

bool guard_limits_set(const struct guard_limits *limits)
{
    for (size_t i = 0; i < limits->count; i++)
        if (setrlimit(limits->list[i].resource, &limits->list[i].values))
            return false;
    return true;
}
