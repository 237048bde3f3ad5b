#include "watch.h"

#include "ask.h"
#include "clock.h"
#include "json.h"
#include "pick.h"
#include "progress.h"
#include "sse.h"
#include "url.h"

#include <string.h>
#include <talloc.h>
#include <time.h>

#define FIRST_PAUSE_MS 100
#define MOST_PAUSE_MS  500
#define RETRY_MS       2000  /* between two tries to open a stream, at most */
#define SILENCE_MS     60000 /* the stream has a heartbeat each 15 s */

/* clang-format off */
const struct option watch_options[] = {
    SWITCH("--json", "print the API's JSON as it comes, a line for each change"),
    OPTION("--give-up", "TIME", "end if nothing answers for so long (default 1m)"),
    {0},
};
/* clang-format on */

struct watch {
    struct cli *cli;
    const char *id;
    FILE *out;
    bool json, ended;
    char *shown; /* what was said last, to say nothing twice */
    struct sse sse;
    bool heard; /* something has come of the last stream */
};

static void sleep_ms(int64_t ms)
{
    nanosleep(
        &(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
        NULL);
}

bool watch_is_final(const char *status)
{
    return !strcmp(status, "completed") || !strcmp(status, "failed") ||
           !strcmp(status, "cancelled");
}

int watch_exit_code(const char *status)
{
    return !strcmp(status, "completed")   ? EXIT_DONE
           : !strcmp(status, "cancelled") ? EXIT_CANCELLED
                                          : EXIT_FAILED;
}

/* ------------------------------------------------------------ showing */

/* What there is to say of a job, or of an event of it. */
static const char *text_of(const json_t *about)
{
    const char *error = pick_text(about, "error.message");

    return *error ? error : pick_text(about, "message");
}

static void show_line(const struct watch *watch, void *mem, const json_t *about,
                      const char *text)
{
    const char *at = pick_text(about, "at");

    fprintf(watch->out, "%s %s %d%%%s%s\n",
            *at ? at : clock_text(mem, clock_now_ms()),
            pick_text(about, "status"), (int)pick_int(about, "progress"),
            *text ? " " : "", term_clip(mem, text, 0));
}

static void show_bar(const struct watch *watch, void *mem,
                     const struct term *term, const json_t *about,
                     const char *text)
{
    const char *status = pick_text(about, "status");
    char *words =
        talloc_asprintf(mem, "%s%s%s", status, *text ? ": " : "", text);

    fprintf(watch->out, "\r%s%s%s\033[K",
            term_colour(term, term_colour_of(status)),
            progress_line(mem, term, (int)pick_int(about, "progress"), words),
            term_colour(term, PLAIN));
    if (watch_is_final(status))
        fputc('\n', watch->out);
}

/* Show how it is now, unless that was shown already; `raw` is its JSON. */
static void show(struct watch *watch, const json_t *about, const char *raw)
{
    void *mem = talloc_new(watch->cli->mem);
    struct term term = term_of(fileno(watch->out));
    const char *text = text_of(about);
    char *now = talloc_asprintf(mem, "%s %d %d %s", pick_text(about, "status"),
                                (int)pick_int(about, "attempt"),
                                (int)pick_int(about, "progress"), text);

    watch->ended = watch_is_final(pick_text(about, "status"));
    if (!watch->shown || strcmp(watch->shown, now) != 0) {
        if (watch->json)
            fprintf(watch->out, "%.*s\n", (int)strcspn(raw, "\r\n"), raw);
        else if (term.tty)
            show_bar(watch, mem, &term, about, text);
        else
            show_line(watch, mem, about, text);
        fflush(watch->out);
        talloc_free(watch->shown);
        watch->shown = talloc_steal(watch->cli->mem, now);
    }
    talloc_free(mem);
}

/* ------------------------------------------------------------ looking */

static bool look_job(struct watch *watch, void *mem, struct answer *ret,
                     struct error *err)
{
    return ask(watch->cli, mem, "GET", url_of(mem, "/api/jobs/%s", watch->id),
               NULL, ret, err);
}

static bool look(void *arg, bool *ret_done, struct error *err)
{
    struct watch *watch = arg;
    void *mem = talloc_new(watch->cli->mem);
    struct answer job;
    bool ok = look_job(watch, mem, &job, err);

    if (ok)
        show(watch, job.json, job.body);
    *ret_done = watch->ended;
    talloc_free(mem);
    return ok;
}

bool watch_until(look_fn *look_once, void *arg, int64_t most_ms,
                 int64_t give_up_ms, struct error *err)
{
    int64_t pause_ms = FIRST_PAUSE_MS, heard_ms = 0;
    bool done = false;

    for (;;) {
        if (look_once(arg, &done, err))
            heard_ms = clock_mono_ms();
        else if (err->kind != ERROR_UNAVAILABLE || heard_ms == 0 ||
                 clock_mono_ms() - heard_ms >= give_up_ms)
            return false;
        if (done)
            return true;
        sleep_ms(pause_ms < most_ms ? pause_ms : most_ms);
        pause_ms = pause_ms * 3 / 2 < most_ms ? pause_ms * 3 / 2 : most_ms;
    }
}

/* ------------------------------------------------------------ the stream */

static bool on_event(const struct sse_event *event, void *arg)
{
    struct watch *watch = arg;
    void *mem = talloc_new(watch->cli->mem);
    struct error ignored;
    json_t *data;

    if (json_parse(mem, event->data, strlen(event->data), &data, &ignored))
        show(watch, data, event->data);
    talloc_free(mem);
    return !watch->ended;
}

static bool on_bytes(const char *data, size_t len, void *arg)
{
    struct watch *watch = arg;

    watch->heard = true;
    return sse_feed(&watch->sse, data, len);
}

/* One stream, until it ends or breaks off. Where nothing comes of it, the job
 * itself is looked at, and tells what is wrong. */
static bool listen_once(void *arg, bool *ret_done, struct error *err)
{
    struct watch *watch = arg;
    void *mem = talloc_new(watch->cli->mem);
    const char *last = buf_text(&watch->sse.last_id);
    struct error broken;
    int status;

    sse_restart(&watch->sse);
    watch->heard = false;
    if (!transport_stream(watch->cli->transport,
                          url_of(mem, "/api/jobs/%s/events", watch->id),
                          *last ? last : NULL, SILENCE_MS, on_bytes, watch,
                          &status, &broken))
        status = 0;
    talloc_free(mem);
    *ret_done = watch->ended;
    return watch->ended || (watch->heard && status != 204) ||
           look(watch, ret_done, err);
}

bool watch_job(struct cli *cli, void *mem, const char *id, FILE *out,
               struct answer *ret_job, struct error *err)
{
    struct watch watch = {
        .cli = cli, .id = id, .out = out, .json = cli_wants_json(cli)};
    struct transport *transport;
    int64_t give_up_ms;
    bool streams;

    if (!cli_duration(cli, "--give-up", 0, 60000, &give_up_ms, err) ||
        !ask_transport(cli, &transport, err))
        return false;
    streams = transport_has_streams(transport);
    sse_init(&watch.sse, cli->mem, on_event, &watch);
    return watch_until(streams ? listen_once : look, &watch,
                       streams ? RETRY_MS : MOST_PAUSE_MS, give_up_ms, err) &&
           look_job(&watch, mem, ret_job, err);
}
