#include "ask.h"
#include "filter.h"
#include "pick.h"
#include "show.h"
#include "url.h"

#include <stdio.h>
#include <talloc.h>

/* How many jobs come in one answer, at most. */
#define PAGE 1000

/* One page; its cursor goes to *ret_next, "" at the end. */
static bool list_page(struct cli *cli, void *mem, int64_t limit,
                      const char *cursor, struct answer *ret, struct error *err)
{
    char *url = filter_url(cli, talloc_strdup(mem, "/api/jobs"));

    url = url_add(url, "limit", db_int(mem, limit < PAGE ? limit : PAGE));
    url = url_add(url, "cursor", cursor);
    return ask(cli, mem, "GET", url, NULL, ret, err);
}

/* All pages that are wanted; their rows go into one list. */
static bool list_pages(struct cli *cli, int64_t limit, json_t *rows,
                       struct error *err)
{
    const char *cursor = cli_value(cli, "--cursor");
    struct answer page;

    for (; limit > 0; limit -= PAGE) {
        if (!list_page(cli, cli->mem, limit, cursor, &page, err))
            return false;
        if (cli_wants_json(cli))
            ask_print(&page);
        json_array_extend(rows, pick(page.json, "jobs"));
        cursor = pick_text(page.json, "nextCursor");
        if (!*cursor)
            return true;
    }
    return true;
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    struct look look = look_at(stdout);
    json_t *rows = json_array();
    int64_t limit;
    bool ok = cli_int(cli, "--limit", 1, 1000000, 50, &limit, err) &&
              list_pages(cli, limit, rows, err);

    if (ok && !cli_wants_json(cli))
        table_print(&look, rows, job_columns, job_column_count, stdout);
    json_decref(rows);
    return ok;
}

static bool show_job(struct cli *cli, const char *id, struct error *err)
{
    return show_record(cli, url_of(cli->mem, "/api/jobs/%s", id), job_record,
                       job_record_count, err) ||
           (cli->operand_count > 1 && error_prefix(err, "%s", id));
}

static bool cmd_show(struct cli *cli, struct error *err)
{
    for (int i = 0; i < cli->operand_count; i++) {
        if (i > 0 && !cli_wants_json(cli))
            putchar('\n');
        if (!show_job(cli, cli_operand(cli, i), err))
            return false;
    }
    return true;
}

/* One sentence, and what is behind it. */
static bool cmd_explain(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"reason",         "reason",           CELL_TEXT, false},
        {"why",            "message",          CELL_TEXT, false},
        {"expected start", "estimatedStartAt", CELL_TIME, false},
        {"details",        "details",          CELL_TEXT, false},
    };

    return show_record(
        cli, url_of(cli->mem, "/api/jobs/%s/explain", cli_operand(cli, 0)),
        columns, COUNT(columns), err);
}

static bool cmd_attempts(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"TRY",     "attempt",       CELL_INT,  false},
        {"OUTCOME", "outcome",       CELL_WORD, false},
        {"WORKER",  "worker",        CELL_TEXT, true },
        {"STARTED", "startedAt",     CELL_TIME, false},
        {"ENDED",   "endedAt",       CELL_TIME, false},
        {"EXIT",    "exitCode",      CELL_INT,  false},
        {"SIGNAL",  "signal",        CELL_TEXT, false},
        {"CPU",     "cpuMs",         CELL_SPAN, false},
        {"PEAK KB", "peakKb",        CELL_INT,  false},
        {"ERROR",   "error.message", CELL_TEXT, true },
    };

    return show_list(
        cli, url_of(cli->mem, "/api/jobs/%s/attempts", cli_operand(cli, 0)),
        "attempts", columns, COUNT(columns), err);
}

/* clang-format off */
static const struct option list_options[] = {
    OPTION("--limit", "N", "at most so many, newest first (default 50)"),
    OPTION("--cursor", "CURSOR", "go on where an earlier list ended (its nextCursor)"),
    {0},
};

const struct command job_commands[] = {
    {"list", "", "list jobs, newest first",
     cmd_list, {list_filters, list_options, json_option}},
    {"show", "ID...", "show jobs whole",
     cmd_show, {json_option}},
    {"explain", "ID", "say why a job is not running now, and when it will",
     cmd_explain, {json_option}},
    {"attempts", "ID", "list a job's attempts and what became of each",
     cmd_attempts, {json_option}},
    {0},
};
/* clang-format on */
