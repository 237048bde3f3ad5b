/*
 * millrace-api: the HTTP API as a FastCGI responder.
 *
 * It answers when what it says is stored. Stateless: any number of these
 * processes may serve one socket or many. Begins also while the database is
 * away, and answers 503 until it is there. SIGTERM and SIGINT: finishes what is
 * in work, then exits 0. Exits 1 when it cannot start, or when the database
 * turns out to have another schema than this program's. Started by a web server
 * as plain CGI, it answers that one request.
 */
#include "auth.h"
#include "cgi.h"
#include "conf.h"
#include "log.h"
#include "notify.h"
#include "pool.h"
#include "schema.h"
#include "server.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2

static atomic_bool stopping, misfit;

static void prepare_log(const struct conf *conf)
{
    enum log_level level = LOG_LEVEL_INFO;

    (void)log_level_by_name(conf->log_level, &level);
    log_open("millrace-api", level);
}

/* Many threads that each need little: few arenas, and large blocks (bodies)
 * back to the system at once. */
static void prepare_memory(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/* Each connection of the web server is a file descriptor. */
static void prepare_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* All threads inherit this; only main waits for the signals. */
static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static int run_cgi(void)
{
    void *mem = talloc_new(NULL);
    struct api api = {.plain_cgi = true};
    struct error err;
    struct conf conf;

    /* Not conf_read: a query string may come as arguments (RFC 3875, 4.4). */
    if (!conf_load(mem, NULL, &conf, &err)) {
        log_err("%s", err.text);
        return EXIT_FAILURE;
    }
    prepare_log(&conf);
    api.conf = &conf;
    api.pool = pool_new(mem, conf.database_url, 1);
    api.auth = auth_new(mem);
    cgi_serve(&api);
    talloc_free(mem);
    return EXIT_SUCCESS;
}

static void on_wait(const struct error *why)
{
    log_warn("the database is away (%s), trying again until it is there",
             why->text);
}

static bool is_stopping(void)
{
    return atomic_load(&stopping);
}

/* Beside the rest: the API answers while the database is still away. */
static void *check_schema(void *arg)
{
    const struct conf *conf = arg;
    struct error err;

    if (schema_wait(conf->database_url, on_wait, is_stopping, &err) ||
        is_stopping())
        return NULL;
    log_err("%s", err.text);
    atomic_store(&misfit, true);
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Wait for a signal, telling the watchdog meanwhile that all is well. */
static void wait_for_signal(const sigset_t *signals)
{
    int64_t beat_ms = notify_watchdog_ms() / 2;
    const struct timespec beat = {.tv_sec = beat_ms / 1000,
                                  .tv_nsec = beat_ms % 1000 * 1000000};

    while (sigtimedwait(signals, NULL, beat_ms ? &beat : NULL) < 0)
        if (errno == EAGAIN)
            notify("WATCHDOG=1");
}

static int serve(struct conf *conf, const sigset_t *signals)
{
    struct server *server;
    pthread_t checker;
    struct error err;

    if (!server_start(conf, &server, &err)) {
        log_err("%s", err.text);
        return EXIT_FAILURE;
    }
    if (pthread_create(&checker, NULL, check_schema, conf)) {
        log_err("cannot start a thread");
        return EXIT_FAILURE;
    }

    notify("READY=1");
    log_info("serving %s with %lld threads", conf->api_socket,
             (long long)conf->api_threads);
    wait_for_signal(signals);
    notify("STOPPING=1");

    atomic_store(&stopping, true);
    server_stop(server);
    pthread_join(checker, NULL);
    return atomic_load(&misfit) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_daemon(int argc, char *argv[])
{
    void *mem = talloc_new(NULL);
    int status = EXIT_USAGE;
    sigset_t signals;
    struct error err;
    struct conf conf;

    if (conf_read(mem, argc, argv, &conf, &err)) {
        prepare_log(&conf);
        prepare_limits();
        block_signals(&signals);
        status = serve(&conf, &signals);
    } else {
        log_err("%s", err.text);
    }
    talloc_free(mem);
    return status;
}

int main(int argc, char *argv[])
{
    prepare_memory();
    /* A file that may not grow is told by write(). */
    signal(SIGXFSZ, SIG_IGN);
    return cgi_started() ? run_cgi() : run_daemon(argc, argv);
}
