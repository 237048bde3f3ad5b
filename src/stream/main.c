/*
 * millrace-stream: server-sent events of jobs. One process per web host, behind
 * nginx, which has had the API say who may hear what.
 *
 * It reads each event of the log in PostgreSQL once and hands it to all who
 * listen. A client gets each event of its stream once and in order, across
 * reconnects and restarts of this process and of PostgreSQL, as long as it
 * comes back with the id of the last event it got. Nothing is kept here: it may
 * be killed at any time. SIGTERM ends it at once; clients reconnect.
 */
#include "hub.h"
#include "log.h"
#include "notify.h"
#include "schema.h"
#include "server.h"
#include "tail.h"
#include "wheel.h"

#include <event2/http.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <talloc.h>

static volatile sig_atomic_t stopping;

static void on_early_signal(int number)
{
    (void)number;
    stopping = 1;
}

static bool is_stopping(void)
{
    return stopping;
}

static void on_wait(const struct error *why)
{
    log_warn("waiting for the database: %s", why->text);
}

static void on_event_log(int severity, const char *text)
{
    if (severity >= EVENT_LOG_WARN)
        log_warn("libevent: %s", text);
}

/* Every subscriber is a file. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn("cannot raise the limit of open files: %m");
}

static void prepare(const struct conf *conf)
{
    enum log_level level = LOG_LEVEL_INFO;

    (void)log_level_by_name(conf->log_level, &level);
    log_open("millrace-stream", level);
    event_set_log_callback(on_event_log);
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    /* Until the loop takes them. */
    signal(SIGTERM, on_early_signal);
    signal(SIGINT, on_early_signal);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
    struct stream *stream = arg;

    (void)number, (void)what;
    stopping = 1;
    notify("STOPPING=1");
    event_base_loopbreak(stream->base);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify("WATCHDOG=1");
}

static int event_done(struct event **event)
{
    event_free(*event);
    return 0;
}

/* An event that lives as long as `mem`. */
static void add_event(void *mem, struct event *event, const struct timeval *tv)
{
    struct event **held = talloc(mem, struct event *);

    *held = event;
    event_add(event, tv);
    talloc_set_destructor(held, event_done);
}

static void add_events(struct stream *stream)
{
    int64_t watchdog_ms = notify_watchdog_ms() / 2;
    struct timeval tv = {.tv_sec = watchdog_ms / 1000,
                         .tv_usec = watchdog_ms % 1000 * 1000};

    add_event(stream, evsignal_new(stream->base, SIGTERM, on_stop, stream),
              NULL);
    add_event(stream, evsignal_new(stream->base, SIGINT, on_stop, stream),
              NULL);
    if (watchdog_ms > 0)
        add_event(stream,
                  event_new(stream->base, -1, EV_PERSIST, on_watchdog, NULL),
                  &tv);
}

static bool stream_open(struct stream *stream, struct error *err)
{
    stream->hub = hub_new(stream);
    stream->wheel = wheel_new(stream, stream);
    stream->replays =
        dba_open(stream, stream->base, stream->conf->database_url);
    if (!tail_open(stream, stream, &stream->tail, err))
        return false;
    add_events(stream);
    return true;
}

/* Nobody is refused for our having begun a moment ago. */
static void connect_first(struct stream *stream)
{
    while (!stopping &&
           !(tail_connected(stream->tail) && dba_connected(stream->replays)))
        event_base_loop(stream->base, EVLOOP_ONCE);
}

static bool run(struct stream *stream, struct error *err)
{
    struct evhttp *http;
    int listener;

    if (!stream_open(stream, err))
        return false;
    connect_first(stream);
    if (!notify_listen(stream->conf->stream_socket, &listener, err) ||
        !server_open(stream, listener, &http, err))
        return false;

    notify("READY=1");
    if (!stopping)
        event_base_dispatch(stream->base);
    server_close(stream, http);
    return true;
}

static bool serve(const struct conf *conf, struct error *err)
{
    struct event_base *base;
    struct stream *stream;
    bool ok;

    if (!schema_wait(conf->database_url, on_wait, is_stopping, err))
        return is_stopping();
    base = event_base_new();
    stream = talloc_zero(NULL, struct stream);
    stream->conf = conf;
    stream->base = base;
    ok = run(stream, err);
    talloc_free(stream);
    event_base_free(base);
    return ok;
}

int main(int argc, char *argv[])
{
    void *mem = talloc_new(NULL);
    struct conf conf;
    struct error err;
    bool ok;

    if (!conf_read(mem, argc, argv, &conf, &err)) {
        log_err("%s", err.text);
        return 2;
    }
    prepare(&conf);
    ok = serve(&conf, &err);
    if (!ok)
        log_err("%s", err.text);
    talloc_free(mem);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
