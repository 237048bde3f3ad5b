#include "channel.h"
#include "kit.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_json(struct channel *channel, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);

    channel_put(channel, text, strlen(text));
    channel_put(channel, "\n", 1);
    free(text);
    json_decref(line);
}

void kit_job_progress(struct kit_job *job, int percent, const char *message)
{
    put_json(job->channel, json_pack("{s:s, s:i, s:s*}", "id", job->id,
                                     "progress", percent, "message", message));
    channel_flush(job->channel);
}

void kit_job_log(struct kit_job *job, const char *text)
{
    put_json(job->channel, json_pack("{s:s, s:s}", "id", job->id, "log", text));
    channel_flush(job->channel);
}

void kit_job_result(struct kit_job *job, json_t *result)
{
    put_json(job->channel,
             json_pack("{s:s, s:o}", "id", job->id, "result", result));
    job->ended = true;
}

void kit_job_error(struct kit_job *job, const char *code, bool retry,
                   json_t *details, const char *fmt, ...)
{
    json_t *message;
    va_list args;

    va_start(args, fmt);
    message = json_vsprintf(fmt, args);
    va_end(args);
    put_json(job->channel, json_pack("{s:s, s:{s:s, s:o, s:o*}, s:b}", "id",
                                     job->id, "error", "code", code, "message",
                                     message ? message : json_string(code),
                                     "details", details, "retry", retry));
    job->ended = true;
}

/* Run one line. A line that names no job has nobody to be answered to. */
static void serve_line(struct channel *channel, const char *line, size_t len,
                       kit_job_fn *fn, void *arg)
{
    struct kit_job job = {
        .channel = channel, .type = "", .input_dir = "", .output_dir = ""};
    json_error_t why;
    json_t *root = json_loadb(line, len, 0, &why);

    if (json_unpack_ex(root, &why, 0, "{s:s, s?i, s?s, s?s, s?s, s?o}", "id",
                       &job.id, "attempt", &job.attempt, "type", &job.type,
                       "inputDir", &job.input_dir, "outputDir", &job.output_dir,
                       "payload", &job.payload) != 0) {
        fprintf(stderr, "passed over a line that is no job: %s\n", why.text);
    } else {
        fn(&job, arg);
        if (!job.ended)
            kit_job_error(&job, "no_result", true, NULL,
                          "the handler gave neither a result nor an error");
    }
    json_decref(root);
}

int kit_serve(kit_job_fn *fn, void *arg)
{
    struct channel *channel = channel_open(STDIN_FILENO, STDOUT_FILENO);
    bool alive = true;
    char *line;
    size_t len;

    signal(SIGPIPE, SIG_IGN);
    while (alive && channel_fill(channel)) {
        while (alive && (line = channel_line(channel, &len))) {
            serve_line(channel, line, len, fn, arg);
            alive = channel_flush(channel);
        }
    }
    channel_close(channel);
    return alive ? EXIT_SUCCESS : EXIT_FAILURE;
}
