#include "ask.h"
#include "pick.h"
#include "watch.h"

#include <stdio.h>

static bool cmd_watch(struct cli *cli, struct error *err)
{
    struct answer job;

    if (!watch_job(cli, cli->mem, cli_operand(cli, 0), stdout, &job, err))
        return false;
    cli->exit_code = watch_exit_code(pick_text(job.json, "status"));
    return true;
}

const struct command watch_commands[] = {
    {"watch",
     "ID", "follow a job until it has ended; its end is the exit code",
     cmd_watch, {watch_options}},
    {0},
};
