/*
 * millrace: the command line, for people and scripts. Exit codes: 0 done, 1 it
 * did not work, 2 what was asked for is wrong (usage, a setting, a value), 3
 * neither server nor database answers, 4 there is no such thing, 5 the job that
 * was watched was cancelled.
 */
#include "args.h"
#include "term.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* The two that are asked for in either way. */
static void accept_dashes(struct cli *cli)
{
    static char help[] = "help", version[] = "version";

    if (cli->count == 0)
        return;
    if (!strcmp(cli->args[0], "--help"))
        cli->args[0] = help;
    else if (!strcmp(cli->args[0], "--version"))
        cli->args[0] = version;
}

static bool asks_for_help(const struct cli *cli)
{
    for (int i = 0; i < cli->count && strcmp(cli->args[i], "--") != 0; i++)
        if (!strcmp(cli->args[i], "--help"))
            return true;
    return false;
}

/* "--help" behind a command is the command help about that one. */
static bool begin_help(struct cli *cli, int used, struct error *err)
{
    static char help[] = "help";
    char *name[] = {help};
    int ignored;

    cli->count = used;
    return command_find(name, 1, &cli->command, &ignored, err);
}

static bool find_command(struct cli *cli, struct error *err)
{
    int used;

    accept_dashes(cli);
    if (!args_global(cli, err))
        return false;
    accept_dashes(cli);
    if (!command_find(cli->args, cli->count, &cli->command, &used, err))
        return false;
    if (asks_for_help(cli))
        return begin_help(cli, used, err);
    cli->args += used;
    cli->count -= used;
    return true;
}

static bool run(struct cli *cli, struct error *err)
{
    return find_command(cli, err) && args_read(cli, err) &&
           cli->command->run(cli, err);
}

/* A token that could not be written is lost: that is no success. */
static bool flush(struct error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return error_set(err, ERROR_NO_SPACE, "write_failed",
                     "the output could not be written: %m");
}

int main(int argc, char *argv[])
{
    struct cli cli = {.args = argv + 1, .count = argc - 1};
    struct error err = {0};
    bool ok;

    setlocale(LC_CTYPE, "");
    cli.mem = talloc_new(NULL);
    ok = run(&cli, &err);
    if (!ok && cli.refusal && cli_wants_json(&cli))
        puts(cli.refusal);
    ok &= flush(&err);
    if (!ok)
        fprintf(stderr, "millrace: %s\n", term_clean(cli.mem, err.text));
    talloc_free(cli.mem);
    return ok ? cli.exit_code : cli_exit_code(&err);
}
