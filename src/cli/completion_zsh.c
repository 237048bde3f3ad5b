#include "completion.h"

#include <string.h>

/* Within '…' and _arguments' brackets. */
static void print_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void print_option(const struct option *option, FILE *out)
{
    bool is_file = option->words && !strcmp(option->words, "FILE");

    fprintf(out, "        '*%s[", option->name);
    print_text(option->help, out);
    fputc(']', out);
    if (option->value) {
        fputc(':', out);
        print_text(option->value, out);
        fputc(':', out);
        if (is_file)
            fputs("_files", out);
        else if (option->words)
            fprintf(out, "(%s)", option->words);
    }
    fputs("' \\\n", out);
}

/* The options and operands of one command, a branch of the case. */
static void print_command(const struct command *command, FILE *out)
{
    const struct option *option = NULL;
    bool files = strstr(command->operands, "FILE");

    fprintf(out, "    '%s')\n      _arguments -S \\\n", command->name);
    while ((option = command_option(command, option)))
        print_option(option, out);
    if (!strcmp(command->operands, "bash|zsh"))
        fputs("        ':shell:(bash zsh)' ;;\n", out);
    else
        fprintf(out, "        '*:operand:%s' ;;\n", files ? "_files" : "");
}

static void print_described(const char *name, int len, const char *help,
                            FILE *out)
{
    fprintf(out, "    '%.*s:", len, name);
    print_text(help, out);
    fputs("'\n", out);
}

static void print_first_words(FILE *out)
{
    const struct command *command = NULL;
    const char *second;
    int len;

    fputs("  local -a commands=(\n", out);
    while ((command = command_next(command)))
        if (completion_is_first(command, &len))
            print_described(command->name, len,
                            completion_second(command, &second)
                                ? "several commands"
                                : command->help,
                            out);
    fputs("  )\n", out);
}

/* A branch for each first word that needs a second one. */
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
        fprintf(out, "    %.*s) commands=(\n", len, command->name);
        for (; other && !strncmp(other->name, command->name, (size_t)len + 1);
             other = command_next(other))
            if (completion_second(other, &second))
                print_described(second, (int)strlen(second), other->help, out);
        fputs("    ) ;;\n", out);
    }
}

void completion_zsh(FILE *out)
{
    const struct command *command = NULL;

    fputs(
        "#compdef millrace\n"
        "# zsh completion of millrace(1), from `millrace completion zsh`\n"
        "\n"
        "_millrace() {\n"
        "  local first=$words[2] second=$words[3]\n",
        out);
    print_first_words(out);
    fputs(
        "  if (( CURRENT == 2 )); then\n"
        "    _describe -t commands 'millrace command' commands\n"
        "    return\n"
        "  fi\n"
        "  if (( CURRENT == 3 )); then\n"
        "    commands=()\n"
        "    case $first in\n",
        out);
    print_second_words(out);
    fputs(
        "    esac\n"
        "    if (( $#commands )); then\n"
        "      _describe -t commands \"millrace $first command\" commands\n"
        "      return\n"
        "    fi\n"
        "  fi\n"
        "  case \"$first $second\" in\n"
        "    (",
        out);
    for (bool any = false; (command = command_next(command));) {
        const char *second;

        if (!completion_second(command, &second))
            continue;
        fprintf(out, "%s'%s'", any ? "|" : "", command->name);
        any = true;
    }
    fputs(
        ") first=\"$first $second\"; shift words; (( CURRENT-- )) ;;\n"
        "  esac\n"
        "  shift words; (( CURRENT-- ))\n"
        "  case $first in\n",
        out);
    while ((command = command_next(command)))
        print_command(command, out);
    fputs(
        "  esac\n"
        "}\n"
        "\n"
        "_millrace \"$@\"\n",
        out);
}
