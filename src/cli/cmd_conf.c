#include "cli.h"

#include <stdio.h>

static bool cmd_conf(struct cli *cli, struct error *err)
{
    struct conf conf;

    if (!cli_conf(cli, &conf, err))
        return false;
    conf_print(&conf, stdout);
    return true;
}

const struct command conf_commands[] = {
    {"conf",                                        "", "print every setting with its present value", cmd_conf, {0}},
    {0},
};
