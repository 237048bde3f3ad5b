#include "completion.h"

#include <string.h>

/* Whether the option was not printed for an earlier command already. */
static bool is_new(const struct command *command, const struct option *option)
{
    const struct command *c = NULL;

    while ((c = command_next(c)) != command) {
        const struct option *o = NULL;

        while ((o = command_option(c, o)))
            if (!strcmp(o->name, option->name))
                return false;
    }
    return true;
}

/* What may stand behind an option, by its name. */
static void print_value(const struct option *option, FILE *out)
{
    bool is_file = option->words && !strcmp(option->words, "FILE");

    fprintf(out, "    %s) ", option->name);
    if (is_file)
        fputs("COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", out);
    else if (option->words)
        fprintf(out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n",
                option->words);
    else
        fputs("return ;;\n", out);
}

static void print_values(FILE *out)
{
    const struct command *command = NULL;

    fputs("    case $prev in\n", out);
    while ((command = command_next(command))) {
        const struct option *option = NULL;

        while ((option = command_option(command, option)))
            if (option->value && is_new(command, option))
                print_value(option, out);
    }
    fputs("    esac\n", out);
}

static void print_first_words(FILE *out)
{
    const struct command *command = NULL;
    int len;

    fputs("    '') words='", out);
    while ((command = command_next(command)))
        if (completion_is_first(command, &len))
            fprintf(out, "%.*s ", len, command->name);
    fputs("' ;;\n", out);
}

static void print_second_words(FILE *out)
{
    const struct command *command = NULL;
    const char *second;
    int len;

    while ((command = command_next(command))) {
        const struct command *other = command;

        if (!completion_second(command, &second) ||
            !completion_is_first(command, &len))
            continue;
        fprintf(out, "    %.*s) words='", len, command->name);
        for (; other && !strncmp(other->name, command->name, (size_t)len + 1);
             other = command_next(other))
            if (completion_second(other, &second))
                fprintf(out, "%s ", second);
        fputs("' ;;\n", out);
    }
}

static void print_options(FILE *out)
{
    const struct command *command = NULL;

    while ((command = command_next(command))) {
        const struct option *option = NULL;
        bool files = strstr(command->operands, "FILE");

        fprintf(out, "    '%s') options='", command->name);
        while ((option = command_option(command, option)))
            fprintf(out, "%s ", option->name);
        fprintf(out, "'%s%s ;;\n", files ? "; files=yes" : "",
                !strcmp(command->operands, "bash|zsh") ? "; words='bash zsh'"
                                                       : "");
    }
}

/* The options of every command that take a value, as a pattern. */
static void print_common(FILE *out)
{
    for (const struct option *o = common_options; o->name; o++)
        if (o->value)
            fprintf(out, "%s%s", o == common_options ? "" : "|", o->name);
}

void completion_bash(FILE *out)
{
    fputs(
        "# bash completion of millrace(1), from `millrace completion bash`\n"
        "\n"
        "# What may follow a command.\n"
        "_millrace_of() {\n"
        "    case $1 in\n",
        out);
    print_first_words(out);
    print_options(out);
    print_second_words(out);
    fputs(
        "    *) return 1 ;;\n"
        "    esac\n"
        "}\n"
        "\n"
        "_millrace() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} "
        "prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
        "    local first='' second='' words='' options='' files='' i\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in\n"
        "        ",
        out);
    print_common(out);
    fputs(
        ") i=$((i + 1)) ;;\n"
        "        -*) ;;\n"
        "        *) if [ -z \"$first\" ]; then first=${COMP_WORDS[i]}\n"
        "           elif [ -z \"$second\" ]; then "
        "second=${COMP_WORDS[i]}; fi ;;\n"
        "        esac\n"
        "    done\n",
        out);
    print_values(out);
    fputs(
        "    _millrace_of \"$first${second:+ $second}\" || "
        "_millrace_of \"$first\" || return\n"
        "    case $cur in\n"
        "    -*) words=$options ;;\n"
        "    *) if [ -n \"$files\" ]; then COMPREPLY=($(compgen -f -- "
        "\"$cur\")); fi ;;\n"
        "    esac\n"
        "    COMPREPLY+=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "}\n"
        "\n"
        "complete -o filenames -F _millrace millrace\n",
        out);
}
