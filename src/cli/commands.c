#include "commands.h"

#include <string.h>
#include <talloc.h>

/* More options than this are not spelled out in the usage. */
#define SPELLED_OPTIONS 4

static const struct command *const groups[] = {
    enqueue_commands,  job_commands,   watch_commands,      logs_commands,
    change_commands,   queue_commands, type_commands,       owner_commands,
    schedule_commands, batch_commands, connection_commands, worker_commands,
    stats_commands,    top_commands,   doctor_commands,     migrate_commands,
    token_commands,    conf_commands,  completion_commands, version_commands,
    help_commands,
};

static const size_t group_count = sizeof(groups) / sizeof(*groups);

static bool holds_command(const struct command *group,
                          const struct command *command)
{
    for (; group->name; group++)
        if (group == command)
            return true;
    return false;
}

const struct command *command_next(const struct command *command)
{
    size_t i = 0;

    if (!command)
        return groups[0];
    if (command[1].name)
        return command + 1;
    while (!holds_command(groups[i], command))
        i++;
    return i + 1 < group_count ? groups[i + 1] : NULL;
}

static bool holds_option(const struct option *group,
                         const struct option *option)
{
    for (; group->name; group++)
        if (group == option)
            return true;
    return false;
}

/* The groups of a command, the common one last. */
static int option_groups(const struct command *command,
                         const struct option *ret[COMMAND_GROUPS + 1])
{
    int count = 0;

    while (command && count < COMMAND_GROUPS && command->options[count]) {
        ret[count] = command->options[count];
        count++;
    }
    ret[count++] = common_options;
    return count;
}

const struct option *command_option(const struct command *command,
                                    const struct option *after)
{
    const struct option *list[COMMAND_GROUPS + 1];
    int count = option_groups(command, list), i = 0;

    if (!after)
        return list[0];
    if (after[1].name)
        return after + 1;
    while (!holds_option(list[i], after))
        i++;
    return i + 1 < count ? list[i + 1] : NULL;
}

static int count_options(const struct command *command)
{
    const struct option *option = NULL;
    int count = 0;

    while ((option = command_option(command, option)) &&
           option != common_options)
        count++;
    return count;
}

static char *add_option(char *text, const struct option *option)
{
    return talloc_asprintf_append(
        text, option->needed ? " %s%s%s" : " [%s%s%s]", option->name,
        option->value ? " " : "", option->value ? option->value : "");
}

char *command_usage(void *mem, const struct command *command)
{
    char *text =
        talloc_asprintf(mem, "%s%s%s", command->name,
                        *command->operands ? " " : "", command->operands);
    bool all = count_options(command) <= SPELLED_OPTIONS;
    const struct option *option = NULL;

    while ((option = command_option(command, option)) &&
           option != common_options)
        if (all || option->needed)
            text = add_option(text, option);
    return all ? text : talloc_strdup_append(text, " [OPTION]...");
}

/*
 * How many words it takes to spell the name, or 0 where they do not; *ret_short
 * is set where they are right but too few.
 */
static int spelled(const char *name, char *words[], int count, bool *ret_short)
{
    for (int i = 0; i < count; i++) {
        size_t len = strlen(words[i]);

        if (strncmp(name, words[i], len) != 0)
            return 0;
        name += len;
        if (!*name)
            return i + 1;
        if (*name++ != ' ')
            return 0;
    }
    *ret_short = true;
    return 0;
}

bool command_begins(const struct command *command, char *words[], int count)
{
    bool is_short = false;

    return spelled(command->name, words, count, &is_short) == count || is_short;
}

/* The words are no command: say where to look for the right ones. */
static bool refuse(char *words[], int count, struct error *err)
{
    const struct command *command = NULL;
    bool first_is_right = false;

    if (count == 0)
        return error_set(err, ERROR_INVALID, "usage",
                         "a command is missing; `millrace help` lists them");
    while ((command = command_next(command)))
        first_is_right |= command_begins(command, words, 1);
    return error_set(
        err, ERROR_INVALID, "usage",
        "there is no command \"%s%s%s\"; `millrace help%s%s` lists "
        "those there are",
        words[0], count > 1 ? " " : "", count > 1 ? words[1] : "",
        first_is_right ? " " : "", first_is_right ? words[0] : "");
}

bool command_find(char *words[], int count, const struct command **ret,
                  int *ret_used, struct error *err)
{
    const struct command *command = NULL;
    bool is_short = false;

    while ((command = command_next(command))) {
        int used = spelled(command->name, words, count, &is_short);

        if (used > 0) {
            *ret = command;
            *ret_used = used;
            return true;
        }
    }
    return refuse(words, count, err);
}
