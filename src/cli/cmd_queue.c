#include "setting.h"
#include "show.h"
#include "url.h"

static char *queue_url(struct cli *cli, const char *pattern)
{
    return url_of(cli->mem, pattern, cli_operand(cli, 0));
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"QUEUE",      "name",                 CELL_TEXT, true },
        {"WAITING",    "waiting",              CELL_INT,  false},
        {"RUNNING",    "running",              CELL_INT,  false},
        {"DONE/MIN",   "lastMinute.completed", CELL_INT,  false},
        {"WEIGHT",     "weight",               CELL_INT,  false},
        {"AT ONCE",    "concurrency",          CELL_INT,  false},
        {"RATE",       "rateLimit",            CELL_TEXT, true },
        {"MAX LENGTH", "maxLength",            CELL_INT,  false},
        {"PAUSED",     "pausedAt",             CELL_TIME, false},
    };

    return show_list(cli, "/api/queues", "queues", columns, COUNT(columns),
                     err);
}

static bool cmd_show(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"queue",      "name",        CELL_TEXT, false},
        {"waiting",    "waiting",     CELL_TEXT, false},
        {"scheduled",  "scheduled",   CELL_TEXT, false},
        {"running",    "running",     CELL_TEXT, false},
        {"weight",     "weight",      CELL_TEXT, false},
        {"at once",    "concurrency", CELL_TEXT, false},
        {"rate limit", "rateLimit",   CELL_TEXT, false},
        {"max length", "maxLength",   CELL_TEXT, false},
        {"paused",     "pausedAt",    CELL_TIME, false},
        {"counts",     "counts",      CELL_TEXT, false},
        {"workers",    "workers",     CELL_TEXT, false},
    };

    return show_record(cli, queue_url(cli, "/api/queues/%s"), columns,
                       COUNT(columns), err);
}

static bool cmd_pause(struct cli *cli, struct error *err)
{
    return show_done(cli, "POST", queue_url(cli, "/api/queues/%s/pause"), NULL,
                     err, "%s is paused; running jobs finish",
                     cli_operand(cli, 0));
}

static bool cmd_resume(struct cli *cli, struct error *err)
{
    return show_done(cli, "POST", queue_url(cli, "/api/queues/%s/resume"), NULL,
                     err, "%s goes on", cli_operand(cli, 0));
}

static bool cmd_set(struct cli *cli, struct error *err)
{
    static const struct setting settings[] = {
        {"--weight",      "weight",      false},
        {"--concurrency", "concurrency", false},
        {"--rate-limit",  "rateLimit",   true },
        {"--max-length",  "maxLength",   false},
    };
    const char *body;

    return setting_body(cli, cli->mem, settings, COUNT(settings), &body, err) &&
           show_done(cli, "PUT", queue_url(cli, "/api/queues/%s"), body, err,
                     "%s is set", cli_operand(cli, 0));
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--weight", "N", "its share beside other queues"),
    OPTION("--concurrency", "N", "at most so many of its jobs at once; or none"),
    OPTION("--rate-limit", "RATE", "N/TIME[:BURST], such as 100/1m; or none"),
    OPTION("--max-length", "N", "at most so many may wait; or none"),
    {0},
};

const struct command queue_commands[] = {
    {"queue list", "", "list the queues", cmd_list, {json_option}},
    {"queue show", "NAME", "show a queue whole", cmd_show, {json_option}},
    {"queue pause", "NAME", "start no job of a queue; running ones finish",
     cmd_pause, {json_option}},
    {"queue resume", "NAME", "start a queue's jobs again", cmd_resume, {json_option}},
    {"queue set", "NAME", "set a queue's weight and limits",
     cmd_set, {options, json_option}},
    {0},
};
/* clang-format on */
