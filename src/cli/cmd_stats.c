#include "ask.h"
#include "pick.h"
#include "show.h"

#include <stdio.h>

static void print_counts(const struct look *look, const json_t *counts)
{
    const char *state;
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)counts, state, count) {
        printf("%s%-10s%s %12lld\n", term_colour(&look->term, BOLD), state,
               term_colour(&look->term, PLAIN),
               (long long)json_integer_value(count));
    }
}

/* One line for each span of time, from the members of the answer. */
static void print_spans(const struct look *look, const json_t *stats)
{
    static const struct column columns[] = {
        {"OVER THE LAST", "span",          CELL_TEXT, false},
        {"STARTED",       "started",       CELL_INT,  false},
        {"COMPLETED",     "completed",     CELL_INT,  false},
        {"FAILED",        "failed",        CELL_INT,  false},
        {"CANCELLED",     "cancelled",     CELL_INT,  false},
        {"RETRIED",       "retried",       CELL_INT,  false},
        {"WAITED",        "averageWaitMs", CELL_SPAN, false},
        {"RAN",           "averageRunMs",  CELL_SPAN, false},
    };
    static const struct {
        const char *name, *member;
    } spans[] = {
        {"minute", "lastMinute"},
        {"hour",   "lastHour"  },
        {"day",    "lastDay"   },
    };
    json_t *rows = json_array();

    for (size_t i = 0; i < COUNT(spans); i++) {
        json_t *row = json_copy(pick(stats, spans[i].member));

        if (!row)
            continue;
        json_object_set_new(row, "span", json_string(spans[i].name));
        json_array_append_new(rows, row);
    }
    table_print(look, rows, columns, COUNT(columns), stdout);
    json_decref(rows);
}

static bool cmd_stats(struct cli *cli, struct error *err)
{
    struct look look = look_at(stdout);
    struct answer answer;

    if (!ask(cli, cli->mem, "GET", "/api/jobs/stats", NULL, &answer, err))
        return false;
    if (cli_wants_json(cli)) {
        ask_print(&answer);
        return true;
    }
    print_counts(&look, pick(answer.json, "counts"));
    putchar('\n');
    print_spans(&look, answer.json);
    return true;
}

static bool cmd_failures(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"COUNT",   "count",        CELL_INT,  false},
        {"TYPE",    "type",         CELL_TEXT, true },
        {"CODE",    "code",         CELL_TEXT, true },
        {"FIRST",   "firstAt",      CELL_TIME, false},
        {"LAST",    "lastAt",       CELL_TIME, false},
        {"EXAMPLE", "exampleJobId", CELL_TEXT, false},
        {"MESSAGE", "message",      CELL_TEXT, true },
    };

    return show_list(cli, "/api/jobs/failures", "failures", columns,
                     COUNT(columns), err);
}

/* clang-format off */
const struct command stats_commands[] = {
    {"failures", "", "count the failed jobs by type and reason",
     cmd_failures, {json_option}},
    {"stats", "", "say how many jobs are in which state, and how they went lately",
     cmd_stats, {json_option}},
    {0},
};
/* clang-format on */
