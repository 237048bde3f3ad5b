#ifndef GUARD_LIMITS_H
#define GUARD_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct guard_limit {
    __rlimit_resource_t resource;
    struct rlimit values;
};

/* Resource limits of a process that is to be started. */
struct guard_limits {
    struct guard_limit list[RLIM_NLIMITS];
    size_t count;
};

/* Take NAME=SOFT[:HARD]; a soft limit alone is the hard one too. */
bool guard_limits_add(struct guard_limits *limits, const char *text);

/* Set them in this process; false with errno. */
bool guard_limits_set(const struct guard_limits *limits);

/* Digits, and nothing else. */
bool guard_number(const char *text, uint64_t *ret);

#endif
