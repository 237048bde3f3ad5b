#include "cli.h"

#include "clock.h"
#include "schema.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* clang-format off */
const struct option common_options[] = {
    OPTION("--config", "FILE", "read this file of settings", .words = "FILE"),
    OPTION("--url", "URL", "where the API is, such as https://jobs.example.org"),
    OPTION("--token", "TOKEN", "the token to show there; better in MILLRACE_TOKEN"),
    SWITCH("--sql", "ask the database, also where an API is known"),
    OPTION("--as", "NAME", "by the database: whose jobs are made (default: you)"),
    SWITCH("--help", "say how the command is used"),
    {0},
};

const struct option json_option[] = {
    SWITCH("--json", "print the API's JSON as it came"),
    {0},
};
/* clang-format on */

bool cli_usage(const struct cli *cli, struct error *err, const char *fmt, ...)
{
    void *mem = talloc_new(NULL);
    char *wrong;
    va_list args;

    va_start(args, fmt);
    wrong = talloc_vasprintf(mem, fmt, args);
    va_end(args);
    error_set(err, ERROR_INVALID, "usage", "%s; usage: millrace %s", wrong,
              cli->command ? command_usage(mem, cli->command)
                           : "[--config FILE] COMMAND");
    talloc_free(mem);
    return false;
}

bool cli_knows(const struct cli *cli, const char *name)
{
    const struct option *option = NULL;

    while ((option = command_option(cli->command, option)))
        if (!strcmp(option->name, name))
            return true;
    return false;
}

const char *cli_next_value(const struct cli *cli, const char *name, int *at)
{
    assert(cli_knows(cli, name));
    while (*at < cli->given_count) {
        const struct given *given = &cli->given[(*at)++];

        if (!strcmp(given->option->name, name))
            return given->value ? given->value : "";
    }
    return NULL;
}

const char *cli_value(const struct cli *cli, const char *name)
{
    const char *value, *last = NULL;
    int at = 0;

    while ((value = cli_next_value(cli, name, &at)))
        last = value;
    return last;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return cli_value(cli, name);
}

bool cli_wants_json(const struct cli *cli)
{
    for (int i = 0; i < cli->given_count; i++)
        if (!strcmp(cli->given[i].option->name, json_option->name))
            return true;
    return false;
}

bool cli_int(const struct cli *cli, const char *name, int64_t min, int64_t max,
             int64_t standard, int64_t *ret, struct error *err)
{
    const char *text = cli_value(cli, name);
    int64_t value;
    char *end;

    if (!text) {
        *ret = standard;
        return true;
    }
    errno = 0;
    value = strtoll(text, &end, 10);
    if (!strchr("-0123456789", *text) || !*text || *end || errno ||
        value < min || value > max)
        return error_set(err, ERROR_INVALID, "usage",
                         "%s must be a whole number from %" PRId64
                         " to %" PRId64 ", not \"%s\"",
                         name, min, max, text);
    *ret = value;
    return true;
}

bool cli_duration(const struct cli *cli, const char *name, int64_t min_ms,
                  int64_t standard_ms, int64_t *ret, struct error *err)
{
    const char *text = cli_value(cli, name);
    int64_t value;

    if (!text) {
        *ret = standard_ms;
        return true;
    }
    if (!duration_parse(text, &value, err))
        return error_prefix(err, "%s", name);
    if (value < min_ms)
        return error_set(err, ERROR_INVALID, "usage",
                         "%s must be at least %" PRId64 " ms", name, min_ms);
    *ret = value;
    return true;
}

const char *cli_operand(const struct cli *cli, int at)
{
    return at < cli->operand_count ? cli->operands[at] : NULL;
}

bool cli_conf_from(struct cli *cli, const char *file, struct conf *ret,
                   struct error *err)
{
    if (conf_load(cli->mem, file, ret, err))
        return true;
    if (err->kind == ERROR_NOT_FOUND)
        err->kind = ERROR_INVALID;
    return false;
}

bool cli_conf(struct cli *cli, struct conf *ret, struct error *err)
{
    return cli_conf_from(cli, cli_value(cli, "--config"), ret, err);
}

bool cli_connect(struct cli *cli, struct db **ret, struct error *err)
{
    struct conf conf;

    return cli_conf(cli, &conf, err) &&
           db_open(cli->mem, conf.database_url, ret, err);
}

bool cli_db(struct cli *cli, struct db **ret, struct error *err)
{
    return cli_connect(cli, ret, err) && schema_check(*ret, err);
}

int cli_exit_code(const struct error *err)
{
    switch (err->kind) {
    case ERROR_INVALID:
        return EXIT_USAGE;
    case ERROR_UNAVAILABLE:
        return EXIT_UNREACHABLE;
    case ERROR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    default:
        return EXIT_FAILED;
    }
}
