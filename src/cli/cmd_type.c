#include "show.h"
#include "url.h"

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"TYPE",        "type",        CELL_TEXT, false},
        {"QUEUE",       "queue",       CELL_TEXT, true },
        {"PRIO",        "priority",    CELL_INT,  false},
        {"TIMEOUT",     "timeout",     CELL_TEXT, false},
        {"TRIES",       "maxAttempts", CELL_INT,  false},
        {"AT ONCE",     "concurrency", CELL_INT,  false},
        {"PAUSED",      "pausedAt",    CELL_TIME, false},
        {"DESCRIPTION", "description", CELL_TEXT, true },
    };

    return show_list(cli, "/api/types", "types", columns, COUNT(columns), err);
}

static bool cmd_pause(struct cli *cli, struct error *err)
{
    const char *type = cli_operand(cli, 0);

    return show_done(cli, "POST", url_of(cli->mem, "/api/types/%s/pause", type),
                     NULL, err, "%s is paused; running jobs finish", type);
}

static bool cmd_resume(struct cli *cli, struct error *err)
{
    const char *type = cli_operand(cli, 0);

    return show_done(cli, "POST",
                     url_of(cli->mem, "/api/types/%s/resume", type), NULL, err,
                     "%s goes on", type);
}

/* clang-format off */
const struct command type_commands[] = {
    {"type list", "", "list the job types that workers have registered",
     cmd_list, {json_option}},
    {"type pause", "TYPE", "start no job of a type; running ones finish",
     cmd_pause, {json_option}},
    {"type resume", "TYPE", "start a type's jobs again", cmd_resume, {json_option}},
    {0},
};
/* clang-format on */
