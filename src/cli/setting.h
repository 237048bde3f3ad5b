#ifndef CLI_SETTING_H
#define CLI_SETTING_H

#include "cli.h"
#include "json.h"

/* Options that change settings of a queue or an owner: a number, or "none". */
struct setting {
    const char *option, *member;
    bool is_rate; /* "100/1m" or "100/1m:20": limit, per and burst */
};

/* The body with those that were given; it is a mistake to give none. */
bool setting_body(const struct cli *cli, void *mem,
                  const struct setting *settings, size_t count,
                  const char **ret, struct error *err) MUST_CHECK;

/* "100/1m:20" as {"limit": 100, "per": "1m", "burst": 20}. */
bool setting_rate(const char *option, const char *text, const char *member,
                  struct json_out *out, struct error *err) MUST_CHECK;

#endif
