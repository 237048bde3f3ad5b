#include "ask.h"
#include "filter.h"
#include "job_option.h"
#include "pick.h"
#include "show.h"
#include "url.h"

#include <inttypes.h>
#include <stdio.h>
#include <talloc.h>

/* How many jobs one request may change. */
#define PORTION 1000

static bool change_one(struct cli *cli, const char *verb, const char *id,
                       struct error *err)
{
    void *mem = talloc_new(cli->mem);
    char *pattern = talloc_asprintf(mem, "/api/jobs/%%s/%s", verb);
    struct answer answer;
    bool ok =
        ask(cli, mem, "POST", url_of(mem, pattern, id), NULL, &answer, err);

    if (ok && cli_wants_json(cli)) {
        ask_print(&answer);
    } else if (ok) {
        const char *message = pick_text(answer.json, "message");

        printf("%s %s\n", id,
               *message ? message : pick_text(answer.json, "state"));
    }
    talloc_free(mem);
    return ok;
}

/* One after another: what is wrong with one does not keep the others. */
static bool change_ids(struct cli *cli, const char *verb, struct error *err)
{
    struct error why;

    if (cli->operand_count == 1)
        return change_one(cli, verb, cli_operand(cli, 0), err);
    for (int i = 0; i < cli->operand_count; i++) {
        const char *id = cli_operand(cli, i);

        if (change_one(cli, verb, id, &why))
            continue;
        if (why.kind == ERROR_UNAVAILABLE)
            return error_set(err, why.kind, why.code, "%s: %s", id, why.text);
        fprintf(stderr, "millrace: %s: %s\n", id, why.text);
        cli->exit_code = cli_exit_code(&why);
    }
    return true;
}

/* The body for one portion; *ret_any: whether a filter was given. */
static bool filter_of(const struct cli *cli, void *mem, int64_t limit,
                      const char **ret, bool *ret_any, struct error *err)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    if (!filter_write(cli, out, ret_any, err))
        return false;
    json_add_int(out, "limit", limit);
    json_end(out);
    *ret = json_out_text(out, NULL);
    return true;
}

/* In portions, as long as there are more. */
static bool change_matching(struct cli *cli, const char *verb, int64_t limit,
                            int64_t *ret_count, struct error *err)
{
    char *path = talloc_asprintf(cli->mem, "/api/jobs/%s", verb);
    bool more = true, any;

    while (more && *ret_count < limit) {
        void *mem = talloc_new(cli->mem);
        int64_t left = limit - *ret_count;
        struct answer answer;
        const char *body;
        bool ok = filter_of(cli, mem, left < PORTION ? left : PORTION, &body,
                            &any, err) &&
                  ask(cli, mem, "POST", path, body, &answer, err);

        if (ok) {
            if (cli_wants_json(cli))
                ask_print(&answer);
            more = json_is_true(pick(answer.json, "more")) &&
                   pick_int(answer.json, "matched") > 0;
            *ret_count += pick_int(answer.json, "matched");
        }
        talloc_free(mem);
        if (!ok)
            return false;
    }
    return true;
}

static bool change_all(struct cli *cli, const char *verb, const char *done,
                       struct error *err)
{
    int64_t limit, count = 0;
    bool ok = cli_int(cli, "--limit", 1, INT64_MAX, INT64_MAX, &limit, err) &&
              change_matching(cli, verb, limit, &count, err);

    if (!cli_wants_json(cli) && (ok || count > 0))
        printf("%" PRId64 " %s\n", count, done);
    return ok;
}

/* Either ids, or --all and what to match. */
static bool change(struct cli *cli, const char *verb, const char *done,
                   struct error *err)
{
    bool all = cli_flag(cli, "--all"), filtered;
    const char *ignored;

    if (!filter_of(cli, cli->mem, 1, &ignored, &filtered, err))
        return false;
    if (cli->operand_count > 0 && (all || filtered))
        return cli_usage(cli, err, "give ids or filters, not both");
    if (cli->operand_count > 0)
        return change_ids(cli, verb, err);
    if (!all)
        return cli_usage(cli, err,
                         filtered ? "with filters, say --all too"
                                  : "ID is missing (or --all and filters)");
    return change_all(cli, verb, done, err);
}

static bool cmd_cancel(struct cli *cli, struct error *err)
{
    return change(cli, "cancel", "cancelled", err);
}

static bool cmd_retry(struct cli *cli, struct error *err)
{
    return change(cli, "retry", "retried", err);
}

static bool cmd_discard(struct cli *cli, struct error *err)
{
    return change(cli, "discard", "thrown away", err);
}

/* Of a job that waits: how urgent it is, and when it may begin. */
static bool cmd_change(struct cli *cli, struct error *err)
{
    const char *id = cli_operand(cli, 0);
    struct json_out *out = json_out_new(cli->mem);

    if (!cli_value(cli, "--priority") && !cli_value(cli, "--run-at") &&
        !cli_value(cli, "--delay"))
        return cli_usage(cli, err, "nothing is to be changed");
    json_begin_object(out, NULL);
    if (!job_options_write(cli, cli->mem, out, err))
        return false;
    json_end(out);
    return show_done(cli, "PATCH", url_of(cli->mem, "/api/jobs/%s", id),
                     json_out_text(out, NULL), err, "%s is changed", id);
}

/* clang-format off */
static const struct option change_options[] = {
    OPTION("--priority", "N",    "-100 to 100, higher first; or high, medium, low", .words = "high medium low"),
    OPTION("--run-at",   "WHEN", "not before this time (RFC 3339)"),
    OPTION("--delay",    "TIME", "not before so long from now, such as 10m"),
    {0},
};

const struct command change_commands[] = {
    {"change", "ID", "change the priority or the time of a job that waits",
     cmd_change, {change_options, json_option}},
    {"cancel", "[ID...]", "cancel jobs, also running ones",
     cmd_cancel, {change_filters, json_option}},
    {"retry", "[ID...]", "run failed or cancelled jobs once more",
     cmd_retry, {change_filters, json_option}},
    {"discard", "[ID...]", "throw ended jobs away: record, log and artifacts",
     cmd_discard, {change_filters, json_option}},
    {0},
};
/* clang-format on */
