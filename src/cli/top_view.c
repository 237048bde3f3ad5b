#include "top_view.h"

#include "age.h"
#include "columns.h"
#include "pick.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

#define BAR 17

/* One line, cut to the terminal. */
static void print_line(const struct look *look, enum colour colour,
                       const char *text, FILE *out)
{
    char *shown = term_clip(NULL, text, look->term.width);

    if (colour == PLAIN)
        fprintf(out, "%s\n", shown);
    else
        fprintf(out, "%s%s%s\n", term_colour(&look->term, colour), shown,
                term_colour(&look->term, PLAIN));
    talloc_free(shown);
}

static void print_head(const struct look *look, void *mem,
                       const struct top *top, FILE *out)
{
    time_t now = (time_t)(look->now_ms / 1000);
    struct tm local;
    char clock[16];

    localtime_r(&now, &local);
    strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    print_line(look, BOLD,
               talloc_asprintf(mem, "millrace  %s  %s%s", clock, top->place,
                               look->term.tty ? "  (q ends)" : ""),
               out);
    if (top->problem)
        print_line(look, RED, top->problem, out);
}

/* "available 12  active 3  …", and how many workers there are. */
static void print_counts(const struct look *look, void *mem,
                         const struct top *top, FILE *out)
{
    const json_t *counts = pick(top->stats, "counts");
    char *line = talloc_strdup(mem, "");
    const char *state;
    json_t *count;

    if (!counts)
        return;
    json_object_foreach((json_t *)(uintptr_t)counts, state, count) {
        line = talloc_asprintf_append(line, "%s %" JSON_INTEGER_FORMAT "  ",
                                      state, json_integer_value(count));
    }
    if (top->workers)
        line = talloc_asprintf_append(
            line, "workers %zu",
            json_array_size(pick(top->workers, "workers")));
    print_line(look, PLAIN, line, out);
}

/* The last minute, as jobs a second and times. */
static void print_rates(const struct look *look, void *mem,
                        const struct top *top, FILE *out)
{
    const json_t *minute = pick(top->stats, "lastMinute");

    if (!minute)
        return;
    print_line(look, PLAIN,
               talloc_asprintf(mem,
                               "last minute: %.1f/s started, %.1f/s completed, "
                               "%lld failed, %lld retried; waited %s, ran %s",
                               (double)pick_int(minute, "started") / 60,
                               (double)pick_int(minute, "completed") / 60,
                               (long long)pick_int(minute, "failed"),
                               (long long)pick_int(minute, "retried"),
                               age_span(mem, pick_int(minute, "averageWaitMs")),
                               age_span(mem, pick_int(minute, "averageRunMs"))),
               out);
}

static int64_t load_of(const json_t *queue)
{
    return pick_int(queue, "waiting") + pick_int(queue, "running");
}

/* Those with the most jobs, the most of them first. */
static json_t *busiest(const json_t *queues, size_t most)
{
    json_t *left = json_copy((json_t *)(uintptr_t)queues);
    json_t *list = json_array();

    while (json_array_size(list) < most && json_array_size(left) > 0) {
        size_t best = 0, i;
        json_t *queue;

        json_array_foreach(left, i, queue) {
            if (load_of(queue) > load_of(json_array_get(left, best)))
                best = i;
        }
        json_array_append(list, json_array_get(left, best));
        json_array_remove(left, best);
    }
    json_decref(left);
    return list;
}

/* On a terminal a third of it, so that there is room for the jobs. */
static void print_queues(const struct look *look, const struct top *top,
                         FILE *out)
{
    static const struct column columns[] = {
        {"QUEUE",    "name",                 CELL_TEXT, true },
        {"WAITING",  "waiting",              CELL_INT,  false},
        {"RUNNING",  "running",              CELL_INT,  false},
        {"DONE/MIN", "lastMinute.completed", CELL_INT,  false},
        {"WEIGHT",   "weight",               CELL_INT,  false},
        {"PAUSED",   "pausedAt",             CELL_TIME, false},
    };
    json_t *queues = pick(top->queues, "queues");

    if (json_array_size(queues) == 0)
        return;
    queues = look->term.tty ? busiest(queues, (size_t)look->term.height / 3)
                            : json_incref(queues);
    fputc('\n', out);
    table_print(look, queues, columns, COUNT(columns), out);
    json_decref(queues);
}

/* The jobs, each with its bar. */
static json_t *with_bars(const json_t *jobs)
{
    json_t *rows = json_array(), *job;
    size_t i;

    json_array_foreach(jobs, i, job) {
        json_t *row = json_copy(job);
        char *bar = progress_bar(NULL, (int)pick_int(job, "progress"), BAR);

        json_object_set_new(row, "bar", json_string(bar));
        json_array_append_new(rows, row);
        talloc_free(bar);
    }
    return rows;
}

static void print_jobs(const struct look *look, const struct top *top,
                       FILE *out)
{
    static const struct column columns[] = {
        {"RUNNING JOB", "jobId",     CELL_TEXT, false},
        {"TYPE",        "type",      CELL_TEXT, true },
        {"QUEUE",       "queue",     CELL_TEXT, true },
        {"OWNER",       "owner",     CELL_TEXT, true },
        {"TRY",         "attempt",   CELL_INT,  false},
        {"STARTED",     "startedAt", CELL_TIME, false},
        {"PROGRESS",    "bar",       CELL_TEXT, false},
        {"MESSAGE",     "message",   CELL_TEXT, true },
    };
    json_t *rows = with_bars(pick(top->jobs, "jobs"));

    fputc('\n', out);
    if (json_array_size(rows) > 0)
        table_print(look, rows, columns, COUNT(columns), out);
    else
        fputs("no job runs\n", out);
    json_decref(rows);
}

/* The lines that fit, each ending by clearing what was behind it. */
static char *frame(void *mem, const struct term *term, const char *text)
{
    char *all = talloc_strdup(mem, "");

    for (int line = 1; *text; line++) {
        int len = (int)strcspn(text, "\n");
        bool last = line == term->height || !text[len];

        all = talloc_asprintf_append(all, "%.*s\033[K%s", len, text,
                                     last ? "" : "\n");
        if (last)
            break;
        text += len + 1;
    }
    return all;
}

char *top_view(void *mem, const struct look *look, const struct top *top)
{
    char *text = NULL, *shown;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    print_head(look, mem, top, out);
    print_counts(look, mem, top, out);
    print_rates(look, mem, top, out);
    print_queues(look, top, out);
    if (top->jobs)
        print_jobs(look, top, out);
    fclose(out);
    shown = look->term.tty ? frame(mem, &look->term, text)
                           : talloc_strdup(mem, text);
    free(text);
    return shown;
}
