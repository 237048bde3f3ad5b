#include "completion.h"

#include <string.h>

bool completion_second(const struct command *command, const char **ret)
{
    const char *space = strchr(command->name, ' ');

    *ret = space ? space + 1 : NULL;
    return space;
}

bool completion_is_first(const struct command *command, int *ret_len)
{
    size_t len = strcspn(command->name, " ");
    const struct command *other = NULL;

    *ret_len = (int)len;
    while ((other = command_next(other)) != command)
        if (!strncmp(other->name, command->name, len) &&
            (other->name[len] == ' ' || !other->name[len]))
            return false;
    return true;
}

static bool cmd_completion(struct cli *cli, struct error *err)
{
    const char *shell = cli_operand(cli, 0);

    if (!strcmp(shell, "bash"))
        completion_bash(stdout);
    else if (!strcmp(shell, "zsh"))
        completion_zsh(stdout);
    else
        return cli_usage(cli, err, "there is no completion for \"%s\"", shell);
    return true;
}

const struct command completion_commands[] = {
    {"completion",
     "bash|zsh", "print completions for a shell",
     cmd_completion, {0}},
    {0},
};
