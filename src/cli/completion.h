#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli.h"

#include <stdio.h>

/* Completions for a shell, from the tables of the commands. */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);

/* Whether the command is the first of those that begin with its first word; the
 * length of that word. */
bool completion_is_first(const struct command *command, int *ret_len);

/* Whether the name has a second word; it goes to *ret. */
bool completion_second(const struct command *command, const char **ret);

#endif
