#include "ask.h"
#include "batch_lines.h"
#include "clock.h"
#include "job_option.h"
#include "pick.h"
#include "progress.h"
#include "show.h"
#include "url.h"
#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#define MOST_PAUSE_MS 1000

static char *batch_url(struct cli *cli, const char *pattern)
{
    return url_of(cli->mem, pattern, cli_operand(cli, 0));
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"ID",      "batchId",   CELL_TEXT,    false},
        {"NAME",    "name",      CELL_TEXT,    true },
        {"OWNER",   "owner",     CELL_TEXT,    true },
        {"STATUS",  "status",    CELL_WORD,    false},
        {"JOBS",    "total",     CELL_INT,     false},
        {"DONE",    "percent",   CELL_PERCENT, false},
        {"CREATED", "createdAt", CELL_TIME,    false},
    };

    return show_page(cli, "/api/batches", "batches", columns, COUNT(columns),
                     err);
}

static bool cmd_show(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"id",      "batchId",   CELL_TEXT,    false},
        {"name",    "name",      CELL_TEXT,    false},
        {"owner",   "owner",     CELL_TEXT,    false},
        {"status",  "status",    CELL_WORD,    false},
        {"open",    "open",      CELL_TEXT,    false},
        {"jobs",    "total",     CELL_TEXT,    false},
        {"done",    "percent",   CELL_PERCENT, false},
        {"counts",  "counts",    CELL_TEXT,    false},
        {"created", "createdAt", CELL_TIME,    false},
        {"ended",   "endedAt",   CELL_TIME,    false},
        {"error",   "error",     CELL_TEXT,    false},
    };

    return show_record(cli, batch_url(cli, "/api/batches/%s"), columns,
                       COUNT(columns), err);
}

/* ------------------------------------------------------------ posting */

static bool write_callbacks(const struct cli *cli, void *mem,
                            struct json_out *out, struct error *err)
{
    static const struct {
        const char *option, *member;
    } callbacks[] = {
        {"--on-complete", "onComplete"},
        {"--on-success",  "onSuccess" },
        {"--on-failure",  "onFailure" },
    };

    json_may_string(out, "name", cli_value(cli, "--name"));
    for (size_t i = 0; i < COUNT(callbacks); i++) {
        const char *value = cli_value(cli, callbacks[i].option), *json;

        if (!value)
            continue;
        if (!json_operand(mem, callbacks[i].option, value, &json, err))
            return false;
        json_add_raw(out, callbacks[i].member, json);
    }
    return true;
}

/* The next portion of the jobs, as a body. */
static bool body_of(const struct cli *cli, void *mem, struct batch_lines *lines,
                    bool first, const char **ret, struct error *err)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    json_begin_array(out, "jobs");
    if (!batch_lines_write(lines, out, err))
        return false;
    json_end(out);
    if (first) {
        if (!write_callbacks(cli, mem, out, err))
            return false;
        if (!batch_lines_at_end(lines) || cli_flag(cli, "--open"))
            json_add_bool(out, "open", true);
    }
    json_end(out);
    *ret = json_out_text(out, NULL);
    return true;
}

/* Each portion needs a key of its own. */
static const char *key_of(const struct cli *cli, void *mem, int64_t first_line)
{
    const char *key = cli_value(cli, "--idempotency-key");

    return key && first_line > 1
               ? talloc_asprintf(mem, "%s:%" PRId64, key, first_line)
               : key;
}

/* Post one portion; the first one makes the batch, whose id goes to *id. */
static bool post_portion(struct cli *cli, struct batch_lines *lines,
                         const char **id, struct error *err)
{
    void *mem = talloc_new(cli->mem);
    struct ask post = {.method = "POST", .path = "/api/batches"};
    struct answer answer;
    bool ok;

    if (*id)
        post.path = url_of(mem, "/api/batches/%s/jobs", *id);
    post.idempotency_key = key_of(cli, mem, lines->line);
    ok = body_of(cli, mem, lines, !*id, &post.body, err) &&
         ask_send(cli, mem, &post, &answer, err);
    if (ok && cli_wants_json(cli))
        ask_print(&answer);
    if (ok && !*id)
        *id = talloc_strdup(cli->mem, pick_text(answer.json, "batchId"));
    talloc_free(mem);
    return ok;
}

static bool close_batch(struct cli *cli, const char *id, struct error *err)
{
    struct answer answer;

    return ask(cli, cli->mem, "POST",
               url_of(cli->mem, "/api/batches/%s/close", id), NULL, &answer,
               err);
}

/* What went in already stays, so say where it is. */
static bool half_done(const char *id, const struct batch_lines *lines,
                      struct error *err)
{
    return id ? error_prefix(err, "batch %s has the jobs before line %" PRId64,
                             id, lines->first_line)
              : false;
}

static bool cmd_create(struct cli *cli, struct error *err)
{
    struct batch_lines lines;
    const char *id = NULL;
    bool many;

    if (!batch_lines_open(cli->mem, cli_operand(cli, 0), &lines, err))
        return false;
    do {
        if (!post_portion(cli, &lines, &id, err))
            return half_done(id, &lines, err);
        many = lines.first_line > 1;
    } while (!batch_lines_at_end(&lines));
    if (many && !cli_flag(cli, "--open") && !close_batch(cli, id, err))
        return false;
    if (!cli_wants_json(cli))
        puts(id);
    return true;
}

static bool cmd_add(struct cli *cli, struct error *err)
{
    const char *id = cli_operand(cli, 0);
    struct batch_lines lines;

    if (!batch_lines_open(cli->mem, cli_operand(cli, 1), &lines, err))
        return false;
    do {
        if (!post_portion(cli, &lines, &id, err))
            return lines.first_line > 1 ? half_done(id, &lines, err) : false;
    } while (!batch_lines_at_end(&lines));
    if (!cli_wants_json(cli))
        printf("%" PRId64 " jobs added\n", lines.jobs);
    return true;
}

static bool cmd_close(struct cli *cli, struct error *err)
{
    return show_done(cli, "POST", batch_url(cli, "/api/batches/%s/close"), NULL,
                     err, "%s is closed", cli_operand(cli, 0));
}

/* In portions, as long as there are more. */
static bool cmd_cancel(struct cli *cli, struct error *err)
{
    int64_t count = 0;
    bool more = true;

    while (more) {
        void *mem = talloc_new(cli->mem);
        struct answer answer;
        bool ok =
            ask(cli, mem, "POST", batch_url(cli, "/api/batches/%s/cancel"),
                NULL, &answer, err);

        if (ok) {
            if (cli_wants_json(cli))
                ask_print(&answer);
            count += pick_int(answer.json, "matched");
            more = json_is_true(pick(answer.json, "more"));
        }
        talloc_free(mem);
        if (!ok)
            return false;
    }
    if (!cli_wants_json(cli))
        printf("%" PRId64 " jobs are cancelled or being stopped\n", count);
    return true;
}

/* ------------------------------------------------------------ watching */

struct batch_watch {
    struct cli *cli;
    char *shown;
    int exit_code; /* by how it has ended */
};

/* Failed is also a batch whose jobs were cancelled; that is told apart. */
static int exit_code_of(const json_t *batch)
{
    const char *status = pick_text(batch, "status");

    if (!strcmp(status, "failed") && !pick_int(batch, "counts.discarded"))
        status = "cancelled";
    return watch_exit_code(status);
}

/* "completed 3, active 1" */
static char *counts_text(void *mem, const json_t *counts)
{
    char *text = talloc_strdup(mem, "");
    const char *state;
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)counts, state, count) {
        if (json_integer_value(count) > 0)
            text = talloc_asprintf_append(text, "%s%s %" JSON_INTEGER_FORMAT,
                                          *text ? ", " : "", state,
                                          json_integer_value(count));
    }
    return text;
}

static void show_batch(const struct batch_watch *watch, void *mem,
                       const struct answer *batch, const char *counts)
{
    struct term term = term_of(STDOUT_FILENO);
    const char *status = pick_text(batch->json, "status");
    int percent = (int)pick_int(batch->json, "percent");

    if (cli_wants_json(watch->cli))
        ask_print(batch);
    else if (term.tty)
        printf("\r%s\033[K%s", progress_line(mem, &term, percent, counts),
               watch_is_final(status) ? "\n" : "");
    else
        printf("%s %s %d%% %s\n", clock_text(mem, clock_now_ms()), status,
               percent, counts);
    fflush(stdout);
}

static bool look(void *arg, bool *ret_done, struct error *err)
{
    struct batch_watch *watch = arg;
    void *mem = talloc_new(watch->cli->mem);
    struct answer batch;
    bool ok = ask(watch->cli, mem, "GET",
                  batch_url(watch->cli, "/api/batches/%s"), NULL, &batch, err);

    if (ok) {
        const char *status = pick_text(batch.json, "status");
        char *counts = counts_text(mem, pick(batch.json, "counts"));
        char *now = talloc_asprintf(mem, "%s %s", status, counts);

        if (!watch->shown || strcmp(watch->shown, now) != 0)
            show_batch(watch, mem, &batch, counts);
        *ret_done = watch_is_final(status);
        watch->shown = talloc_steal(watch->cli->mem, now);
        watch->exit_code = exit_code_of(batch.json);
    }
    talloc_free(mem);
    return ok;
}

static bool cmd_watch(struct cli *cli, struct error *err)
{
    struct batch_watch watch = {.cli = cli};
    int64_t give_up_ms;

    if (!cli_duration(cli, "--give-up", 0, 60000, &give_up_ms, err) ||
        !watch_until(look, &watch, MOST_PAUSE_MS, give_up_ms, err))
        return false;
    cli->exit_code = watch.exit_code;
    return true;
}

/* clang-format off */
static const struct option list_options[] = {
    OPTION("--owner", "NAME", "of this owner (for admins)"),
    OPTION("--limit", "N", "at most so many, newest first"),
    OPTION("--cursor", "CURSOR", "go on where an earlier list ended (its nextCursor)"),
    {0},
};

static const struct option create_options[] = {
    OPTION("--name", "TEXT", "what the batch is called"),
    SWITCH("--open", "more jobs will be added: `batch close` says when that is over"),
    OPTION("--on-complete", "JSON", "a job for when all have ended; also @FILE"),
    OPTION("--on-success", "JSON", "a job for when all have completed"),
    OPTION("--on-failure", "JSON", "a job for when one has failed"),
    OPTION("--idempotency-key", "TEXT", "repeating the command with this key makes no second batch"),
    {0},
};

static const struct option add_options[] = {
    OPTION("--idempotency-key", "TEXT", "repeating the command with this key adds nothing"),
    {0},
};

const struct command batch_commands[] = {
    {"batch list", "", "list batches, newest first",
     cmd_list, {list_options, json_option}},
    {"batch create", "[FILE|-]", "make a batch of jobs, a JSON object a line; print its id",
     cmd_create, {create_options, json_option}},
    {"batch show", "ID", "show how far a batch is", cmd_show, {json_option}},
    {"batch add", "ID [FILE|-]", "add jobs to an open batch",
     cmd_add, {add_options, json_option}},
    {"batch close", "ID", "say that an open batch has all its jobs",
     cmd_close, {json_option}},
    {"batch cancel", "ID", "close a batch and cancel all its jobs", cmd_cancel, {json_option}},
    {"batch watch", "ID", "follow a batch until all its jobs have ended",
     cmd_watch, {watch_options}},
    {0},
};
/* clang-format on */
