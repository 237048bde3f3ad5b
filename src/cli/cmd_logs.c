#include "ask.h"
#include "pick.h"
#include "table.h"
#include "url.h"
#include "watch.h"

#include <talloc.h>

#define MOST_PAUSE_MS 1000

/* Reading a job's log from where the last look ended. */
struct follow {
    struct cli *cli;
    char *after; /* the seq of the last line */
    bool ended;  /* the job had ended before the last look */
    bool follows;
    struct look look;
};

static void print_line(const struct follow *follow, void *mem,
                       const json_t *line)
{
    static const struct column at = {"", "at", CELL_TIME, false};
    const struct term *term = &follow->look.term;

    if (cli_flag(follow->cli, "--times"))
        printf("%s%s%s ", term_colour(term, DIM),
               cell_text(mem, &follow->look, line, &at),
               term_colour(term, PLAIN));
    puts(term->tty ? term_clip(mem, pick_text(line, "line"), 0)
                   : pick_text(line, "line"));
}

static void print_page(struct follow *follow, void *mem,
                       const struct answer *page)
{
    json_t *line, *lines = pick(page->json, "logs");
    size_t i;

    if (cli_wants_json(follow->cli) && json_array_size(lines) > 0)
        ask_print(page);
    json_array_foreach(lines, i, line) {
        if (!cli_wants_json(follow->cli))
            print_line(follow, mem, line);
        talloc_free(follow->after);
        follow->after = pick_any(follow->cli->mem, pick(line, "seq"));
    }
}

/* All that is there now. */
static bool read_pages(struct follow *follow, void *mem, struct error *err)
{
    const char *id = cli_operand(follow->cli, 0);
    struct answer page;

    do {
        char *url = url_of(mem, "/api/jobs/%s/logs", id);

        url = url_add(url, "after", follow->after);
        if (!ask(follow->cli, mem, "GET", url, NULL, &page, err))
            return false;
        print_page(follow, mem, &page);
    } while (*pick_text(page.json, "nextCursor"));
    fflush(stdout);
    return true;
}

/* Whether it has ended is asked first: the lines read after that are the last.
 */
static bool look(void *arg, bool *ret_done, struct error *err)
{
    struct follow *follow = arg;
    void *mem = talloc_new(follow->cli->mem);
    struct answer job;
    bool ok = !follow->follows || ask(follow->cli, mem, "GET",
                                      url_of(mem, "/api/jobs/%s/status",
                                             cli_operand(follow->cli, 0)),
                                      NULL, &job, err);

    if (ok && follow->follows)
        follow->ended = watch_is_final(pick_text(job.json, "status"));
    ok = ok && read_pages(follow, mem, err);
    *ret_done = ok && (follow->ended || !follow->follows);
    talloc_free(mem);
    return ok;
}

static bool cmd_logs(struct cli *cli, struct error *err)
{
    struct follow follow = {.cli = cli,
                            .follows = cli_flag(cli, "--follow"),
                            .look = look_at(stdout)};
    int64_t give_up_ms;

    return cli_duration(cli, "--give-up", 0, 60000, &give_up_ms, err) &&
           watch_until(look, &follow, MOST_PAUSE_MS, give_up_ms, err);
}

/* clang-format off */
static const struct option options[] = {
    SWITCH("--follow", "go on with what comes, until the job has ended", .letter = 'f'),
    SWITCH("--times", "say before each line when it came"),
    OPTION("--give-up", "TIME", "with -f: end if nothing answers for so long (default 1m)"),
    {0},
};

const struct command logs_commands[] = {
    {"logs", "ID", "print what a job's handler wrote on stderr",
     cmd_logs, {options, json_option}},
    {0},
};
/* clang-format on */
