#include "args.h"
#include "ask.h"
#include "job_option.h"
#include "pick.h"
#include "url.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* Upload the files of --upload; their ids become further values of --file. */
static bool upload_files(struct cli *cli, void *mem, struct error *err)
{
    const char *path;
    int at = 0;

    while ((path = cli_next_value(cli, "--upload", &at))) {
        const char *slash = strrchr(path, '/');
        char *url = talloc_strdup(mem, "/api/files");
        struct answer answer;

        url = url_add(url, "name", slash ? slash + 1 : path);
        if (!ask_send(
                cli, mem,
                &(struct ask){.method = "POST", .path = url, .file = path},
                &answer, err))
            return error_prefix(err, "%s", path);
        args_give(cli, "--file", pick_text(answer.json, "fileId"));
    }
    return true;
}

static bool body_of(const struct cli *cli, void *mem, const char **ret,
                    struct error *err)
{
    struct json_out *out = json_out_new(mem);
    const char *payload = cli_operand(cli, 1), *json;

    json_begin_object(out, NULL);
    json_add_string(out, "type", cli_operand(cli, 0));
    if (payload) {
        if (!json_operand(mem, "the payload", payload, &json, err))
            return false;
        json_add_raw(out, "payload", json);
    }
    if (!job_options_write(cli, mem, out, err))
        return false;
    json_end(out);
    *ret = json_out_text(out, NULL);
    return true;
}

/* Its progress goes to stderr where people look at it, its result to stdout. */
static bool wait_for(struct cli *cli, const char *id, struct error *err)
{
    struct answer job;
    const char *status;

    if (!watch_job(cli, cli->mem, id, cli_wants_json(cli) ? stdout : stderr,
                   &job, err))
        return false;
    status = pick_text(job.json, "status");
    if (!cli_wants_json(cli) && !strcmp(status, "completed")) {
        size_t len = strlen(job.body);
        char *result = json_member_text(cli->mem, job.body, len, "result");

        printf("%s\n", result ? result : "null");
    }
    cli->exit_code = watch_exit_code(status);
    return true;
}

static bool cmd_enqueue(struct cli *cli, struct error *err)
{
    struct ask ask = {.method = "POST",
                      .path = "/api/jobs",
                      .idempotency_key = cli_value(cli, "--idempotency-key")};
    struct answer answer;
    const char *id;

    if (!upload_files(cli, cli->mem, err) ||
        !body_of(cli, cli->mem, &ask.body, err) ||
        !ask_send(cli, cli->mem, &ask, &answer, err))
        return false;
    id = pick_text(answer.json, "jobId");
    if (cli_wants_json(cli))
        ask_print(&answer);
    else if (!cli_flag(cli, "--wait"))
        printf("%s\n", id);
    return !cli_flag(cli, "--wait") || wait_for(cli, id, err);
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--idempotency-key", "TEXT", "repeating the command with this key makes no second job"),
    OPTION("--upload", "FILE", "upload this file for the job; may be repeated", .words = "FILE"),
    SWITCH("--wait", "wait for the job's end and print its result"),
    {0},
};

const struct command enqueue_commands[] = {
    {"enqueue", "TYPE [PAYLOAD|-|@FILE]", "post a job and print its id",
     cmd_enqueue, {job_options, options, watch_options}},
    {0},
};
/* clang-format on */
