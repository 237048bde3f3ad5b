#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli.h"

/*
 * Read the words behind the command's name into cli->given and cli->operands,
 * in any order of options and operands; "--" ends the options, and "-" alone is
 * an operand. A command's operands are as many as the words of its `operands`:
 * one in brackets may be missing, and one that ends in "..." may be repeated.
 */
bool args_read(struct cli *cli, struct error *err) MUST_CHECK;

/* As if the option had been given once more: for what a command finds out. */
void args_give(struct cli *cli, const char *name, const char *value);

/* Read only the options that stand before the command. */
bool args_global(struct cli *cli, struct error *err) MUST_CHECK;

#endif
