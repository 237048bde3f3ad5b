#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "cli.h"

/* Passwords are never words of a command line, where others would see them. */

/* Ask at the terminal, without showing what is typed. ERROR_INVALID usage where
 * stdin is none. */
bool password_ask(struct cli *cli, const char **ret,
                  struct error *err) MUST_CHECK;

/* The first line of a file; "-" is stdin. */
bool password_read(void *mem, const char *path, const char **ret,
                   struct error *err) MUST_CHECK;

#endif
