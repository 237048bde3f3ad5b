#include "cli.h"
#include "schema.h"

#include <stdio.h>

static void on_step(int version, const char *name, void *arg)
{
    (void)arg;
    printf("applied %04d_%s\n", version, name);
}

static bool cmd_migrate(struct cli *cli, struct error *err)
{
    struct db *db;

    if (!cli_connect(cli, &db, err) || !schema_migrate(db, on_step, NULL, err))
        return false;
    printf("the database is at version %d\n", schema_version());
    return true;
}

const struct command migrate_commands[] = {
    {"migrate",
     "", "bring the database to the version of this program",
     cmd_migrate, {0}},
    {0},
};
