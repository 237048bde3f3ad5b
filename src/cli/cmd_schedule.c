#include "ask.h"
#include "job_option.h"
#include "pick.h"
#include "show.h"
#include "url.h"

#include <stdio.h>
#include <talloc.h>

static char *schedule_url(struct cli *cli, const char *pattern)
{
    return url_add(url_of(cli->mem, pattern, cli_operand(cli, 0)), "owner",
                   cli_value(cli, "--owner"));
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"NAME",     "name",      CELL_TEXT, true },
        {"TYPE",     "type",      CELL_TEXT, true },
        {"CRON",     "cron",      CELL_TEXT, false},
        {"EVERY",    "every",     CELL_TEXT, false},
        {"TIMEZONE", "timezone",  CELL_TEXT, true },
        {"OWNER",    "owner",     CELL_TEXT, true },
        {"PAUSED",   "paused",    CELL_TEXT, false},
        {"LAST",     "lastRunAt", CELL_TIME, false},
        {"NEXT",     "nextRunAt", CELL_TIME, false},
    };

    return show_page(cli, "/api/schedules", "schedules", columns,
                     COUNT(columns), err);
}

static bool cmd_show(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"name",         "name",        CELL_TEXT, false},
        {"type",         "type",        CELL_TEXT, false},
        {"cron",         "cron",        CELL_TEXT, false},
        {"every",        "every",       CELL_TEXT, false},
        {"timezone",     "timezone",    CELL_TEXT, false},
        {"owner",        "owner",       CELL_TEXT, false},
        {"overlap",      "overlap",     CELL_TEXT, false},
        {"missed",       "missed",      CELL_TEXT, false},
        {"missed limit", "missedLimit", CELL_TEXT, false},
        {"paused",       "paused",      CELL_TEXT, false},
        {"last run",     "lastRunAt",   CELL_TIME, false},
        {"last job",     "lastJobId",   CELL_TEXT, false},
        {"next run",     "nextRunAt",   CELL_TIME, false},
        {"last error",   "lastError",   CELL_TEXT, false},
        {"created",      "createdAt",   CELL_TIME, false},
        {"payload",      "payload",     CELL_TEXT, false},
        {"options",      "options",     CELL_TEXT, false},
    };

    return show_record(cli, schedule_url(cli, "/api/schedules/%s"), columns,
                       COUNT(columns), err);
}

/* The job that each run makes. */
static bool write_job(const struct cli *cli, void *mem, struct json_out *out,
                      struct error *err)
{
    const char *payload = cli_operand(cli, 2), *json;

    json_add_string(out, "type", cli_operand(cli, 1));
    if (payload) {
        if (!json_operand(mem, "the payload", payload, &json, err))
            return false;
        json_add_raw(out, "payload", json);
    }
    json_begin_object(out, "options");
    if (!job_options_write(cli, mem, out, err))
        return false;
    json_end(out);
    return true;
}

static bool body_of(const struct cli *cli, void *mem, bool named,
                    const char **ret, struct error *err)
{
    struct json_out *out = json_out_new(mem);
    int64_t limit;

    if (!cli_value(cli, "--cron") == !cli_value(cli, "--every"))
        return cli_usage(cli, err, "give either --cron or --every");
    if (!cli_int(cli, "--missed-limit", 1, 1000000, 0, &limit, err))
        return false;
    json_begin_object(out, NULL);
    if (named)
        json_add_string(out, "name", cli_operand(cli, 0));
    json_may_string(out, "cron", cli_value(cli, "--cron"));
    json_may_string(out, "every", cli_value(cli, "--every"));
    json_may_string(out, "timezone", cli_value(cli, "--timezone"));
    json_may_string(out, "overlap", cli_value(cli, "--overlap"));
    json_may_string(out, "missed", cli_value(cli, "--missed"));
    if (limit > 0)
        json_add_int(out, "missedLimit", limit);
    if (cli_flag(cli, "--paused"))
        json_add_bool(out, "paused", true);
    if (!write_job(cli, mem, out, err))
        return false;
    json_end(out);
    *ret = json_out_text(out, NULL);
    return true;
}

static bool cmd_create(struct cli *cli, struct error *err)
{
    const char *body;

    return body_of(cli, cli->mem, true, &body, err) &&
           show_done(cli, "POST",
                     url_add(talloc_strdup(cli->mem, "/api/schedules"), "owner",
                             cli_value(cli, "--owner")),
                     body, err, "%s is made", cli_operand(cli, 0));
}

static bool cmd_put(struct cli *cli, struct error *err)
{
    const char *body;

    return body_of(cli, cli->mem, false, &body, err) &&
           show_done(cli, "PUT", schedule_url(cli, "/api/schedules/%s"), body,
                     err, "%s is as you say", cli_operand(cli, 0));
}

static bool cmd_delete(struct cli *cli, struct error *err)
{
    return show_done(cli, "DELETE", schedule_url(cli, "/api/schedules/%s"),
                     NULL, err, "%s is gone", cli_operand(cli, 0));
}

static bool cmd_pause(struct cli *cli, struct error *err)
{
    return show_done(cli, "POST", schedule_url(cli, "/api/schedules/%s/pause"),
                     NULL, err, "%s is paused", cli_operand(cli, 0));
}

static bool cmd_resume(struct cli *cli, struct error *err)
{
    return show_done(cli, "POST", schedule_url(cli, "/api/schedules/%s/resume"),
                     NULL, err, "%s goes on", cli_operand(cli, 0));
}

/* Prints the id of the job that was made. */
static bool cmd_run(struct cli *cli, struct error *err)
{
    struct answer answer;

    if (!ask(cli, cli->mem, "POST", schedule_url(cli, "/api/schedules/%s/run"),
             NULL, &answer, err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        puts(pick_text(answer.json, "jobId"));
    return true;
}

static void print_times(void *mem, const json_t *times)
{
    struct look look = look_at(stdout);
    json_t *at;
    size_t i;

    json_array_foreach(times, i, at) {
        if (look.term.tty)
            printf("%-24s  %s\n", json_string_value(at),
                   time_text(mem, &look, at));
        else
            puts(json_string_value(at));
    }
}

static bool cmd_next(struct cli *cli, struct error *err)
{
    char *url = schedule_url(cli, "/api/schedules/%s/next");
    struct answer answer;
    int64_t count;

    if (!cli_int(cli, "--count", 1, 1000, 20, &count, err))
        return false;
    url = url_add(url, "count", db_int(cli->mem, count));
    if (!ask(cli, cli->mem, "GET", url, NULL, &answer, err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        print_times(cli->mem, pick(answer.json, "next"));
    return true;
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--cron", "LINE", "when: \"0 3 * * mon-fri\", also with seconds, or @daily"),
    OPTION("--every", "TIME", "or at this interval, such as 15m"),
    OPTION("--timezone", "ZONE", "of the cron line, such as Europe/Berlin (default UTC)"),
    OPTION("--overlap", "WHAT", "while the last run is not over: allow, skip or cancel it", .words = "allow skip cancel"),
    OPTION("--missed", "WHAT", "runs missed while all was down: none, last or all", .words = "none last all"),
    OPTION("--missed-limit", "N", "with --missed all: at most so many"),
    SWITCH("--paused", "begin paused"),
    {0},
};

static const struct option next_options[] = {
    OPTION("--count", "N", "how many (default 20)"),
    {0},
};

const struct command schedule_commands[] = {
    {"schedule list", "", "list the schedules", cmd_list, {page_options, owner_option, json_option}},
    {"schedule show", "NAME", "show a schedule whole", cmd_show, {owner_option, json_option}},
    {"schedule create", "NAME TYPE [PAYLOAD|-|@FILE]", "make a schedule",
     cmd_create, {options, job_options, owner_option, json_option}},
    {"schedule put", "NAME TYPE [PAYLOAD|-|@FILE]", "make a schedule, or replace it",
     cmd_put, {options, job_options, owner_option, json_option}},
    {"schedule delete", "NAME", "end a schedule", cmd_delete, {owner_option, json_option}},
    {"schedule pause", "NAME", "let a schedule make no jobs", cmd_pause, {owner_option, json_option}},
    {"schedule resume", "NAME", "let a schedule make jobs again", cmd_resume, {owner_option, json_option}},
    {"schedule run", "NAME", "make a schedule's job now, and print its id",
     cmd_run, {owner_option, json_option}},
    {"schedule next", "NAME", "say when a schedule's next runs are",
     cmd_next, {next_options, owner_option, json_option}},
    {0},
};
/* clang-format on */
