#include "cli.h"

#include <stdio.h>
#include <talloc.h>

/* One line, for a list of all. */
static void print_line(const struct command *command)
{
    printf("  %-17s  %s\n", command->name, command->help);
}

static void print_option(const struct option *option)
{
    void *mem = talloc_new(NULL);
    char *name =
        talloc_asprintf(mem, "%s%s%s", option->name, option->value ? " " : "",
                        option->value ? option->value : "");

    if (option->letter)
        name = talloc_asprintf(mem, "-%c, %s", option->letter, name);
    printf("      %-28s %s\n", name, option->help);
    talloc_free(mem);
}

/* Usage, purpose and options of one command. */
static void print_whole(const struct command *command)
{
    const struct option *option = NULL;
    char *usage = command_usage(NULL, command);

    printf("  millrace %s\n      %s\n", usage, command->help);
    while ((option = command_option(command, option)) &&
           option != common_options)
        print_option(option);
    talloc_free(usage);
}

static void print_common(void)
{
    printf("\nOptions of every command:\n");
    for (const struct option *option = common_options; option->name; option++)
        print_option(option);
}

static void print_all(void)
{
    const struct command *command = NULL;

    printf("usage: millrace COMMAND ... [OPTION]...\n\n");
    while ((command = command_next(command)))
        print_line(command);
    print_common();
    printf(
        "\n`millrace help COMMAND` has a command's options; see millrace(1) "
        "for all of it.\n");
}

/* Of all commands, or of those whose names begin with the words given. */
static bool cmd_help(struct cli *cli, struct error *err)
{
    char **words = (char **)(void *)cli->operands;
    const struct command *command = NULL;
    bool any = false;
    int used;

    if (cli->operand_count == 0) {
        print_all();
        return true;
    }
    while ((command = command_next(command))) {
        if (!command_begins(command, words, cli->operand_count))
            continue;
        print_whole(command);
        any = true;
    }
    return any ||
           command_find(words, cli->operand_count, &cli->command, &used, err);
}

const struct command help_commands[] = {
    {"help",
     "[COMMAND...]", "say what commands there are, or how one is used",
     cmd_help, {0}},
    {0},
};
