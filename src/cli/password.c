#include "password.h"
#include "job_option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <termios.h>
#include <unistd.h>

static bool read_line(void *mem, const char **ret, struct error *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len = getline(&line, &size, stdin);
    bool ok = len >= 0 ||
              error_set(err, ERROR_INVALID, "usage", "there is no password");

    if (ok)
        *ret = talloc_strndup(mem, line, strcspn(line, "\r\n"));
    free(line);
    return ok;
}

bool password_ask(struct cli *cli, const char **ret, struct error *err)
{
    struct termios shown, hidden;
    bool ok;

    if (tcgetattr(STDIN_FILENO, &shown) < 0)
        return cli_usage(cli, err,
                         "there is no terminal to ask for the password at: "
                         "give --password-file");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs("Password: ", stderr);
    fflush(stderr);
    ok = read_line(cli->mem, ret, err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return ok;
}

bool password_read(void *mem, const char *path, const char **ret,
                   struct error *err)
{
    size_t len;
    char *text;

    if (!read_whole(mem, path, &text, &len, err))
        return false;
    text[strcspn(text, "\r\n")] = '\0';
    *ret = text;
    return true;
}
