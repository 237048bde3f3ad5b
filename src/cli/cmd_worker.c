#include "show.h"

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"WORKER",  "name",      CELL_TEXT,  true },
        {"HOST",    "host",      CELL_TEXT,  true },
        {"PID",     "pid",       CELL_INT,   false},
        {"ALIVE",   "alive",     CELL_TEXT,  false},
        {"VERSION", "version",   CELL_TEXT,  false},
        {"SLOTS",   "slots",     CELL_INT,   false},
        {"RUNNING", "running",   CELL_COUNT, false},
        {"QUEUES",  "queues",    CELL_TEXT,  true },
        {"TYPES",   "types",     CELL_TEXT,  true },
        {"SEEN",    "seenAt",    CELL_TIME,  false},
        {"STARTED", "startedAt", CELL_TIME,  false},
    };

    return show_list(cli, "/api/workers", "workers", columns, COUNT(columns),
                     err);
}

const struct command worker_commands[] = {
    {"worker list",
     "", "list the workers and how much each runs",
     cmd_list, {json_option}},
    {0},
};
