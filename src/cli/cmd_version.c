#include "cli.h"
#include "schema.h"

#include <stdio.h>

static bool cmd_version(struct cli *cli, struct error *err)
{
    (void)cli, (void)err;
    printf("millrace %s (schema %d)\n", PACKAGE_VERSION, schema_version());
    return true;
}

const struct command version_commands[] = {
    {"version",
     "", "print the version of this program and of its schema",
     cmd_version, {0}},
    {0},
};
