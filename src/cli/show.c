#include "show.h"

#include "ask.h"
#include "pick.h"

#include <stdarg.h>
#include <stdio.h>

bool show_list(struct cli *cli, const char *path, const char *member,
               const struct column *columns, size_t count, struct error *err)
{
    struct look look = look_at(stdout);
    struct answer answer;

    if (!ask(cli, cli->mem, "GET", path, NULL, &answer, err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        table_print(&look, pick(answer.json, member), columns, count, stdout);
    return true;
}

bool show_record(struct cli *cli, const char *path,
                 const struct column *columns, size_t count, struct error *err)
{
    struct look look = look_at(stdout);
    struct answer answer;

    if (!ask(cli, cli->mem, "GET", path, NULL, &answer, err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        record_print(&look, answer.json, columns, count, stdout);
    return true;
}

bool show_done(struct cli *cli, const char *method, const char *path,
               const char *body, struct error *err, const char *said, ...)
{
    struct answer answer;
    va_list args;

    if (!ask(cli, cli->mem, method, path, body, &answer, err))
        return false;
    if (cli_wants_json(cli)) {
        ask_print(&answer);
        return true;
    }
    va_start(args, said);
    vprintf(said, args);
    va_end(args);
    putchar('\n');
    return true;
}
