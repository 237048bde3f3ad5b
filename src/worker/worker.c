#include "worker.h"

#include "child.h"
#include "claim.h"
#include "clock.h"
#include "drain.h"
#include "log.h"
#include "notify.h"
#include "pool.h"
#include "purge.h"
#include "queries.h"
#include "recorder.h"
#include "workdir.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#define AGAIN_MS 500 /* after a beginning that has failed */

struct timeval timeval_of_ms(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000,
                            .tv_usec = (int)(ms % 1000) * 1000};
}

/* ------------------------------------------------------------ turns */

void worker_turn_soon(struct worker *worker)
{
    event_active(worker->turn, 0, 0);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    struct lane *lane;

    (void)fd, (void)what;
    TAILQ_FOREACH(lane, &worker->lanes, next)
        lane->handler->dispatch(lane);
    recorder_turn(worker->recorder);
    claimer_turn(worker->claimer);
    drain_turn(worker->drain);
}

/* ------------------------------------------------------------ beginning */

static bool read_types(struct worker *worker, struct error *err)
{
    struct job_types types;

    if (!type_read_all(worker, worker->conf->types_dir, &types, err))
        return false;
    worker->types = types;
    worker->type_names = type_names(worker, &types);
    lanes_load(worker, &types);
    return true;
}

static void begin(struct worker *worker);

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    begin(arg);
}

static void begin_later(struct worker *worker, const struct error *err)
{
    struct timeval wait = timeval_of_ms(AGAIN_MS);

    log_err("cannot begin: %s", err->text);
    event_add(worker->again, &wait);
}

static void on_key_known(struct db_result *rows, const struct error *err,
                         void *arg)
{
    (void)arg;
    if (!rows)
        log_warn("web servers cannot report on their jobs: %s", err->text);
}

/* Before any job is claimed. */
static void make_report_key(struct worker *worker)
{
    char hex[2 * REPORT_KEY + 1];

    randombytes_buf(worker->report_key, REPORT_KEY);
    sodium_bin2hex(hex, sizeof(hex), (const void *)worker->report_key,
                   REPORT_KEY);
    dba_query(worker->asking, SQL_REPORT_KEY, DB_ARGS(worker->id, hex),
              on_key_known, worker);
}

static void on_begun(struct db_result *rows, const struct error *err, void *arg)
{
    struct worker *worker = arg;

    if (!rows) {
        begin_later(worker, err);
        return;
    }
    log_facts(LOG_LEVEL_INFO, "worker ready", "name", worker->conf->worker_name,
              "id", worker->id, "types", worker->type_names, "freedJobs",
              db_text(rows, 0, "freed"), NULL);
    worker->phase = WORKER_RUNNING;
    make_report_key(worker);
    notify("READY=1");
    claimer_begin(worker->claimer);
}

static void enlist(struct worker *worker)
{
    struct run_worker self = {
        .id = worker->id,
        .name = worker->conf->worker_name,
        .host = worker->host,
        .version = PACKAGE_VERSION,
        .pid = (int)getpid(),
        .slots = (int)worker->conf->slots,
        .queues = worker->queues.names,
        .reserves = worker->queues.reserves,
        .types = worker->type_names,
    };
    void *mem = talloc_new(NULL);

    uuid_new(clock_now_ms(), worker->id);
    dba_query(worker->asking, SQL_RUN_WORKER_BEGIN, run_worker_args(mem, &self),
              on_begun, worker);
    talloc_free(mem);
}

static void on_registered(struct db_result *rows, const struct error *err,
                          void *arg)
{
    struct worker *worker = arg;

    if (rows)
        enlist(worker);
    else
        begin_later(worker, err);
}

static void register_types(struct worker *worker, dba_fn *done)
{
    void *mem = talloc_new(NULL);

    dba_query(worker->asking, SQL_TYPE_REGISTER,
              type_register_args(mem, &worker->types), done, worker);
    talloc_free(mem);
}

/* The types come first: a job may be claimed as soon as the worker is known. */
static void begin(struct worker *worker)
{
    register_types(worker, on_registered);
}

static void on_buried(struct db_result *rows, const struct error *err,
                      void *arg)
{
    (void)rows, (void)err;
    begin(arg);
}

/* Jobs that were claimed after the burial, in the name of the dead, are set
 * free too before it begins anew. */
void worker_lost(struct worker *worker)
{
    struct attempt *attempt, *next;

    log_err("this worker was taken for dead; what it runs is stopped");
    worker->phase = WORKER_BEGINNING;
    TAILQ_FOREACH_SAFE(attempt, &worker->attempts, all, next)
        attempt_stop(attempt, STOP_LOST);
    recorder_lost(worker->recorder);
    dba_query(worker->asking, SQL_RUN_WORKER_END, DB_ARGS(worker->id),
              on_buried, worker);
}

/* ------------------------------------------------------------ signals */

static void on_reloaded(struct db_result *rows, const struct error *err,
                        void *arg)
{
    struct worker *worker = arg;

    if (!rows) {
        log_err("cannot register the job types: %s", err->text);
        return;
    }
    log_facts(LOG_LEVEL_INFO, "types reloaded", "types", worker->type_names,
              NULL);
    claimer_begin(worker->claimer);
}

static void on_enlisted(struct db_result *rows, const struct error *err,
                        void *arg)
{
    (void)arg;
    if (!rows)
        log_warn("cannot tell the database of the new types: %s", err->text);
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    struct error err;

    (void)fd, (void)what;
    if (!read_types(worker, &err)) {
        log_err("the types stay as they were: %s", err.text);
        return;
    }
    if (worker->phase == WORKER_BEGINNING)
        return;
    dba_query(worker->asking, SQL_RUN_WORKER_TYPES,
              DB_ARGS(worker->id, worker->type_names), on_enlisted, worker);
    register_types(worker, on_reloaded);
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    drain_begin(arg);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    child_reap();
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify("WATCHDOG=1");
}

static void watch_signals(struct worker *worker)
{
    static const struct {
        int signo;
        event_callback_fn then;
    } signals[WORKER_SIGNALS] = {
        {SIGTERM, on_terminate},
        {SIGINT,  on_terminate},
        {SIGHUP,  on_hangup   },
        {SIGCHLD, on_child    },
    };

    for (size_t i = 0; i < WORKER_SIGNALS; i++) {
        worker->signals[i] = evsignal_new(worker->base, signals[i].signo,
                                          signals[i].then, worker);
        event_add(worker->signals[i], NULL);
    }
}

static void feed_watchdog(struct worker *worker)
{
    struct timeval half = timeval_of_ms(notify_watchdog_ms() / 2);

    worker->watchdog =
        event_new(worker->base, -1, EV_PERSIST, on_watchdog, worker);
    if (notify_watchdog_ms() > 0)
        event_add(worker->watchdog, &half);
}

/* ------------------------------------------------------------ start */

static void on_link(bool up, const char *why, void *arg)
{
    (void)arg;
    if (up)
        log_info("connected to the database");
    else
        log_warn("the database is away: %s", why);
}

/* The host and the folder that our lock lies in: what the lock proves, it
 * proves there. */
static const char *host_name(void *mem, const char *data_dir)
{
    char name[HOST_NAME_MAX + 1] = "localhost";

    gethostname(name, sizeof(name));
    return talloc_asprintf(mem, "%s:%s", name, data_dir);
}

static void connect_database(struct worker *worker)
{
    const char *url = worker->conf->database_url;

    worker->asking = dba_open(worker, worker->base, url);
    worker->telling = dba_open(worker, worker->base, url);
    dba_on_change(worker->asking, on_link, worker);
}

static void make_events(struct worker *worker)
{
    worker->turn = event_new(worker->base, -1, 0, on_turn, worker);
    worker->again = event_new(worker->base, -1, 0, on_again, worker);
    watch_signals(worker);
    feed_watchdog(worker);
}

static int worker_done(struct worker *worker)
{
    event_free(worker->turn);
    event_free(worker->again);
    event_free(worker->watchdog);
    for (size_t i = 0; i < WORKER_SIGNALS; i++)
        event_free(worker->signals[i]);
    return 0;
}

struct worker *worker_new(void *mem, const struct conf *conf,
                          const struct queues *queues, struct event_base *base,
                          struct error *err)
{
    struct worker *worker = talloc_zero(mem, struct worker);

    worker->conf = conf;
    worker->base = base;
    worker->host = host_name(worker, conf->data_dir);
    worker->queues = *queues;
    TAILQ_INIT(&worker->lanes);
    TAILQ_INIT(&worker->attempts);
    make_events(worker);
    talloc_set_destructor(worker, worker_done);
    workdir_sweep(conf);

    worker->chores = chores_open(worker, base, worker->turn, err);
    worker->lookups =
        worker->chores ? chores_open(worker, base, worker->turn, err) : NULL;
    if (!worker->lookups || !read_types(worker, err)) {
        talloc_free(worker);
        return NULL;
    }
    worker->claimer = claimer_new(worker, worker);
    worker->recorder = recorder_new(worker, worker);
    worker->drain = drain_new(worker, worker);
    worker->purge = purge_new(worker, worker);
    connect_database(worker);
    begin(worker);
    return worker;
}
