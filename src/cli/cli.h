#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "conf.h"
#include "db.h"

#include <stddef.h>

/*
 * The program `millrace`. Commands stand in tables, a group of them in a file
 * cmd_what.c: from these come the reading of the command line, the help, and
 * the completions of the shells. To add a command: 1. a row and its handler in
 * a cmd_ file, 2. if the file is new, its table in commands.c, 3. the command
 * and its options in doc/millrace-GROUP.1 (a test holds the two together).
 */

/* What the program ends with. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,      /* the job failed, the server said no */
    EXIT_USAGE = 2,       /* what was asked for is wrong */
    EXIT_UNREACHABLE = 3, /* no server or database answers */
    EXIT_NOT_FOUND = 4,
    EXIT_CANCELLED = 5, /* the job that was watched */
};

struct cli;
struct transport;

/* One option of a command. */
struct option {
    const char *name;  /* "--queue" */
    const char *value; /* what stands for its value in the help; NULL: switch */
    const char *help;
    const char *words; /* the values there are, with spaces between; or NULL */
    char letter;       /* "-f", or 0 */
    bool needed;
};

/* Rows of options; what else there is to say stands behind: .words = "a b". */
#define OPTION(name_, value_, help_, ...)                                      \
    {                                                                          \
        .name = name_, .value = value_, .help = help_, __VA_ARGS__             \
    }
#define SWITCH(name_, help_, ...)                                              \
    {                                                                          \
        .name = name_, .help = help_, __VA_ARGS__                              \
    }

/* A handler prints what was asked for on stdout; what failed goes to *err. */
typedef bool command_fn(struct cli *cli, struct error *err);

#define COMMAND_GROUPS 5

struct command {
    const char *name;     /* one word or more, with one space between them */
    const char *operands; /* "TYPE [PAYLOAD]", "ID...", "[FILE]"; see args.h */
    const char *help;
    command_fn *run;
    const struct option *options[COMMAND_GROUPS]; /* each ends with {0} */
};

/* An option as it was given; of a switch the value is NULL. */
struct given {
    const struct option *option;
    const char *value;
};

/* What a command gets. */
struct cli {
    void *mem; /* until the program ends */
    const struct command
        *command; /* the one that runs; NULL before it is known */
    char **args;  /* the words not read yet */
    int count;
    struct given *given; /* in their order */
    int given_count;
    const char **operands;
    int operand_count;
    struct transport *transport; /* see ask.h */
    const char *refusal; /* the body of the API's last refusal, or NULL */
    int exit_code;       /* of what went well; 0 unless a handler says */
};

/* The options that every command has. */
extern const struct option common_options[];

/* `--json` alone, for the commands that have it. */
extern const struct option json_option[];

/* All commands: the first for NULL, and the next; NULL at the end. */
const struct command *command_next(const struct command *command);

/* The command that the words begin with, and how many of them are its name.
 * ERROR_INVALID where there is none; the text says which there are. */
bool command_find(char *words[], int count, const struct command **ret,
                  int *ret_used, struct error *err) MUST_CHECK;

/* Whether the command's name begins with these words. */
bool command_begins(const struct command *command, char *words[], int count);

/* The options of a command, and then the common ones: the first for NULL. */
const struct option *command_option(const struct command *command,
                                    const struct option *after);

/* How a command is called, behind "millrace". */
char *command_usage(void *mem, const struct command *command);

/* Say what is wrong with the words, and what would be right; returns false. */
bool cli_usage(const struct cli *cli, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of an option, NULL where it was not given; the last one counts.
 * Asking for one that the command does not have is a mistake of ours. */
const char *cli_value(const struct cli *cli, const char *name);

/* Whether the command has this option at all. */
bool cli_knows(const struct cli *cli, const char *name);

/* All values of an option that may be repeated: begin with *at = 0. */
const char *cli_next_value(const struct cli *cli, const char *name, int *at);

bool cli_flag(const struct cli *cli, const char *name);

/* Whether --json was given, also to a command that does not have it. */
bool cli_wants_json(const struct cli *cli);

/* A whole number within its limits; `standard` where it was not given. */
bool cli_int(const struct cli *cli, const char *name, int64_t min, int64_t max,
             int64_t standard, int64_t *ret, struct error *err) MUST_CHECK;

/* A duration of at least min_ms, such as "10s". */
bool cli_duration(const struct cli *cli, const char *name, int64_t min_ms,
                  int64_t standard_ms, int64_t *ret,
                  struct error *err) MUST_CHECK;

/* The operand of that number from 0, or NULL. */
const char *cli_operand(const struct cli *cli, int at);

/* Read the settings (of that file, NULL for the usual one); connect to the
 * database they name. */
bool cli_conf_from(struct cli *cli, const char *file, struct conf *ret,
                   struct error *err) MUST_CHECK;
bool cli_conf(struct cli *cli, struct conf *ret, struct error *err) MUST_CHECK;
bool cli_connect(struct cli *cli, struct db **ret,
                 struct error *err) MUST_CHECK;

/* The same, and refuse a database that does not fit this program. */
bool cli_db(struct cli *cli, struct db **ret, struct error *err) MUST_CHECK;

/* The exit code that a failure stands for. */
int cli_exit_code(const struct error *err);

#endif
