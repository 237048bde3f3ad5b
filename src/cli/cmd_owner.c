#include "setting.h"
#include "show.h"
#include "url.h"

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"OWNER",       "name",           CELL_TEXT, true },
        {"WEIGHT",      "weight",         CELL_INT,  false},
        {"WAITING",     "waiting",        CELL_INT,  false},
        {"MAX WAITING", "maxWaiting",     CELL_INT,  false},
        {"POSTS/MIN",   "postsPerMinute", CELL_INT,  false},
    };

    return show_list(cli, "/api/owners", "owners", columns, COUNT(columns),
                     err);
}

static bool cmd_set(struct cli *cli, struct error *err)
{
    static const struct setting settings[] = {
        {"--weight",           "weight",         false},
        {"--max-waiting",      "maxWaiting",     false},
        {"--posts-per-minute", "postsPerMinute", false},
    };
    const char *name = cli_operand(cli, 0), *body;

    return setting_body(cli, cli->mem, settings, COUNT(settings), &body, err) &&
           show_done(cli, "PUT", url_of(cli->mem, "/api/owners/%s", name), body,
                     err, "%s is set", name);
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--weight", "N", "the owner's share beside others in a queue"),
    OPTION("--max-waiting", "N", "at most so many of the owner's jobs may wait; or none"),
    OPTION("--posts-per-minute", "N", "at most so many posts a minute; or none"),
    {0},
};

const struct command owner_commands[] = {
    {"owner list", "", "list the owners with their shares and limits",
     cmd_list, {json_option}},
    {"owner set", "NAME", "set an owner's share and limits",
     cmd_set, {options, json_option}},
    {0},
};
/* clang-format on */
