#include "ask.h"
#include "screen.h"
#include "top_view.h"
#include "url.h"

#include <stdio.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#define MOST_JOBS 100

/* One of the answers; NULL where there is none. What is only for admins is left
 * out for others. */
static json_t *part(struct cli *cli, void *mem, const char *path,
                    struct error *ret_why)
{
    struct answer answer;
    struct error err;

    if (ask(cli, mem, "GET", path, NULL, &answer, &err)) {
        if (cli_wants_json(cli))
            ask_print(&answer);
        return answer.json;
    }
    if (err.kind == ERROR_UNAVAILABLE ||
        (ret_why->kind == ERROR_NONE && !strstr(err.text, "(admin_only)")))
        *ret_why = err;
    return NULL;
}

static void look_once(struct cli *cli, void *mem, struct top *ret,
                      struct error *ret_why)
{
    char *jobs = talloc_strdup(mem, "/api/jobs?state=active");

    *ret = (struct top){
        .place = cli->transport->place,
        .stats = part(cli, mem, "/api/jobs/stats", ret_why),
    };
    /* One that is away is away for the others too. */
    if (ret_why->kind != ERROR_UNAVAILABLE) {
        ret->queues = part(cli, mem, "/api/queues", ret_why);
        ret->workers = part(cli, mem, "/api/workers", ret_why);
        ret->jobs = part(
            cli, mem, url_add(jobs, "limit", db_int(mem, MOST_JOBS)), ret_why);
    }
    if (ret_why->kind != ERROR_NONE)
        ret->problem = ret_why->text;
}

static bool print_once(struct cli *cli, struct error *err)
{
    struct look look = look_at(stdout);
    struct top top;

    look_once(cli, cli->mem, &top, err);
    if (err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_DENIED)
        return false;
    if (!cli_wants_json(cli)) {
        look.term.tty = false;
        fputs(top_view(cli->mem, &look, &top), stdout);
    }
    return true;
}

/* Each look is drawn as soon as it is there, and again when a key is pressed or
 * the size has changed. */
static bool print_on(struct cli *cli, int64_t interval_ms, struct error *err)
{
    int key = 0;

    if (!screen_open(err))
        return false;
    while (key >= 0 && key != 'q' && key != 'Q' && key != '\033') {
        void *mem = talloc_new(cli->mem);
        struct look look = look_at(stdout);
        struct error why = {0};
        struct top top;
        char *view;

        look_once(cli, mem, &top, &why);
        view = top_view(mem, &look, &top);
        screen_show(view, strlen(view));
        talloc_free(mem);
        key = screen_key(interval_ms);
    }
    screen_close();
    return true;
}

static bool cmd_top(struct cli *cli, struct error *err)
{
    bool once = cli_flag(cli, "--once") || cli_wants_json(cli) ||
                !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    struct transport *transport;
    int64_t interval_ms;

    return cli_duration(cli, "--interval", 100, 1000, &interval_ms, err) &&
           ask_transport(cli, &transport, err) &&
           (once ? print_once(cli, err) : print_on(cli, interval_ms, err));
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--interval", "TIME", "between two looks (default 1s)"),
    SWITCH("--once",     "look once, and print it without taking the screen"),
    {0},
};

const struct command top_commands[] = {
    {"top", "", "show live what waits and what runs", cmd_top,
     {options, json_option}},
    {0},
};
/* clang-format on */
