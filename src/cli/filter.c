#include "filter.h"

#include "url.h"

#include <string.h>

#define STATUSES "pending processing completed failed cancelled"
#define STATES                                                                 \
    "scheduled pending available active retryable completed cancelled "        \
    "discarded"

/* clang-format off */
const struct option list_filters[] = {
    OPTION("--status", "STATUS", "pending, processing, completed, failed or cancelled", .words = STATUSES),
    OPTION("--state", "STATE", "the exact state, such as retryable", .words = STATES),
    OPTION("--type", "TYPE", "of this type"),
    OPTION("--queue", "NAME", "in this queue"),
    OPTION("--tag", "TEXT", "with this tag"),
    OPTION("--owner", "NAME", "of this owner (for admins)"),
    {0},
};

const struct option change_filters[] = {
    SWITCH("--all", "not by id: all jobs that the filters let through"),
    OPTION("--status", "STATUS", "pending, processing, completed, failed or cancelled", .words = STATUSES),
    OPTION("--state", "STATE", "the exact state, such as retryable", .words = STATES),
    OPTION("--type", "TYPE", "of this type"),
    OPTION("--queue", "NAME", "in this queue"),
    OPTION("--tag", "TEXT", "with this tag"),
    OPTION("--owner", "NAME", "of this owner (for admins)"),
    OPTION("--error-code", "CODE", "that failed with this code"),
    OPTION("--batch", "ID", "of this batch"),
    OPTION("--before", "WHEN", "made before this time (RFC 3339)"),
    OPTION("--after", "WHEN", "made after this time"),
    OPTION("--limit", "N", "at most so many"),
    {0},
};

static const struct {
    const char *option, *member;
} members[] = {
    {"--status",     "status"},
    {"--state",      "state"},
    {"--type",       "type"},
    {"--queue",      "queue"},
    {"--tag",        "tag"},
    {"--owner",      "owner"},
    {"--error-code", "errorCode"},
    {"--batch", "batchId"},
    {"--before",     "before"},
    {"--after",      "after"},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

char *filter_url(const struct cli *cli, char *url)
{
    for (const struct option *o = list_filters; o->name; o++)
        url = url_add(url, o->name + 2, cli_value(cli, o->name));
    return url;
}

bool filter_write(const struct cli *cli, struct json_out *out, bool *ret_any,
                  struct error *err)
{
    int64_t limit;

    *ret_any = false;
    for (size_t i = 0; i < COUNT(members); i++) {
        const char *value = cli_value(cli, members[i].option);

        json_may_string(out, members[i].member, value);
        *ret_any |= value != NULL;
    }
    if (!cli_int(cli, "--limit", 1, 1000000000, 0, &limit, err))
        return false;
    *ret_any |= limit > 0;
    return true;
}
