#include "args.h"

#include <limits.h>
#include <string.h>
#include <talloc.h>

static const char *next_word(struct cli *cli)
{
    cli->count--;
    return *cli->args++;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1];
}

/* Whether the word is this option; *ret_value is what stands behind its '='. */
static bool is_named(const char *word, const struct option *option,
                     const char **ret_value)
{
    size_t len = strlen(option->name);

    *ret_value = NULL;
    if (option->letter && word[1] == option->letter && !word[2])
        return true;
    if (strncmp(word, option->name, len) != 0 ||
        (word[len] && word[len] != '='))
        return false;
    *ret_value = word[len] ? word + len + 1 : NULL;
    return true;
}

static void keep(struct cli *cli, const struct option *option,
                 const char *value)
{
    cli->given = talloc_realloc(cli->mem, cli->given, struct given,
                                (unsigned)cli->given_count + 1);
    cli->given[cli->given_count++] = (struct given){option, value};
}

static bool read_value(struct cli *cli, const struct option *option,
                       const char *value, struct error *err)
{
    if (!option->value && value)
        return cli_usage(cli, err, "%s takes no value", option->name);
    if (option->value && !value && cli->count == 0)
        return cli_usage(cli, err, "%s needs a value", option->name);
    if (option->value && !value)
        value = next_word(cli);
    keep(cli, option, value);
    return true;
}

static bool read_option(struct cli *cli, struct error *err)
{
    const char *word = next_word(cli), *value;
    const struct option *option = NULL;

    while ((option = command_option(cli->command, option)))
        if (is_named(word, option, &value))
            return read_value(cli, option, value, err);
    return cli_usage(cli, err, "there is no option %s", word);
}

static void add_operand(struct cli *cli, const char *word)
{
    cli->operands = talloc_realloc(cli->mem, cli->operands, const char *,
                                   (unsigned)cli->operand_count + 1);
    cli->operands[cli->operand_count++] = word;
}

/* What is called for: how many at least, how many at most, and the name of the
 * first one that is missing. */
struct wanted {
    int least, most;
    char *missing;
};

static struct wanted wanted(void *mem, const char *operands, int have)
{
    struct wanted wanted = {0};
    const char *at = operands;

    while (*at) {
        size_t len = strcspn(at, " ");
        bool many = len >= 3 && memmem(at, len, "...", 3);

        wanted.least += *at != '[';
        wanted.most = many ? INT_MAX : wanted.most + 1;
        if (wanted.least == have + 1 && !wanted.missing)
            wanted.missing = talloc_strndup(mem, at, many ? len - 3 : len);
        at += len + strspn(at + len, " ");
    }
    return wanted;
}

static bool check_operands(const struct cli *cli, struct error *err)
{
    struct wanted want =
        wanted(cli->mem, cli->command->operands, cli->operand_count);

    if (cli->operand_count < want.least)
        return cli_usage(cli, err, "%s is missing", want.missing);
    if (cli->operand_count > want.most)
        return cli_usage(cli, err, "\"%s\" is too much",
                         cli->operands[want.most]);
    return true;
}

static bool check_needed(const struct cli *cli, struct error *err)
{
    const struct option *option = NULL;

    while ((option = command_option(cli->command, option)))
        if (option->needed && !cli_value(cli, option->name))
            return cli_usage(cli, err, "%s is missing", option->name);
    return true;
}

bool args_read(struct cli *cli, struct error *err)
{
    bool only_operands = false;

    while (cli->count > 0) {
        if (!only_operands && !strcmp(*cli->args, "--")) {
            only_operands = true;
            next_word(cli);
        } else if (only_operands || !is_option(*cli->args)) {
            add_operand(cli, next_word(cli));
        } else if (!read_option(cli, err)) {
            return false;
        }
    }
    return check_operands(cli, err) && check_needed(cli, err);
}

void args_give(struct cli *cli, const char *name, const char *value)
{
    const struct option *option = NULL;

    while ((option = command_option(cli->command, option)))
        if (!strcmp(option->name, name))
            keep(cli, option, value);
}

bool args_global(struct cli *cli, struct error *err)
{
    while (cli->count > 0 && is_option(*cli->args))
        if (!read_option(cli, err))
            return false;
    return true;
}
