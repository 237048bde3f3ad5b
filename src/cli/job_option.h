#ifndef CLI_JOB_OPTION_H
#define CLI_JOB_OPTION_H

#include "cli.h"
#include "json.h"

/* The options of a job on the command line: the same as the API's. */
extern const struct option job_options[];

/* Write those that the command has, and that were given, as members of the
 * object that is open. */
bool job_options_write(const struct cli *cli, void *mem, struct json_out *out,
                       struct error *err) MUST_CHECK;

/*
 * The text that a word of the command line stands for: "-" is stdin, "@FILE" a
 * file, all else itself. It must be JSON; `what` names it in the error.
 */
bool json_operand(void *mem, const char *what, const char *word,
                  const char **ret, struct error *err) MUST_CHECK;

/* A whole file, "-" is stdin; ended by a zero byte. */
bool read_whole(void *mem, const char *path, char **ret, size_t *ret_len,
                struct error *err) MUST_CHECK;

#endif
