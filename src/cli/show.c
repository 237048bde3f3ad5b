#include "show.h"

#include "ask.h"
#include "pick.h"
#include "url.h"

#include <stdarg.h>
#include <stdio.h>
#include <talloc.h>

/* clang-format off */
const struct option owner_option[] = {
    OPTION("--owner", "NAME", "one of this owner's (for admins)"),
    {0},
};

const struct option page_options[] = {
    OPTION("--limit",  "N",      "at most so many"),
    OPTION("--cursor", "CURSOR", "go on where an earlier list ended (its nextCursor)"),
    {0},
};
/* clang-format on */

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

bool show_page(struct cli *cli, const char *path, const char *member,
               const struct column *columns, size_t count, struct error *err)
{
    char *url = talloc_strdup(cli->mem, path);

    url = url_add(url, "owner", cli_value(cli, "--owner"));
    url = url_add(url, "limit", cli_value(cli, "--limit"));
    url = url_add(url, "cursor", cli_value(cli, "--cursor"));
    return show_list(cli, url, member, columns, count, err);
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
