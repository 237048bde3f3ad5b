/*
 * millrace-worker: claims jobs, runs their handlers, and records how they
 * ended. Exit status: 0 after a stop in good order, 1 after a failure, 2 when
 * called or set up wrongly.
 */
#include "child.h"
#include "clock.h"
#include "conf.h"
#include "log.h"
#include "schema.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SETUP 2
#define LOCK_PATIENCE_MS 5000

/* For the time before there is a loop. */
static volatile sig_atomic_t stop_asked;

static void on_early_stop(int signo)
{
    (void)signo;
    stop_asked = 1;
}

static bool is_stop_asked(void)
{
    return stop_asked;
}

static void set_signals(void)
{
    const struct sigaction stop = {.sa_handler = on_early_stop};

    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
}

/* The name is part of file names. */
static bool check_name(const struct conf *conf, struct error *err)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *name = conf->worker_name;

    if (strlen(name) <= 100 && !name[strspn(name, good)])
        return true;
    return error_set(err, ERROR_INVALID, "invalid_setting",
                     "MILLRACE_WORKER_NAME cannot be \"%s\": it takes letters, "
                     "digits, dots, underscores and hyphens, 100 in all",
                     name);
}

static bool make_dir(void *mem, const struct conf *conf, const char *name,
                     struct error *err)
{
    char *path = talloc_asprintf(mem, "%s/%s", conf->data_dir, name);

    return mkdir(path, 0750) == 0 || errno == EEXIST ||
           error_set(err, ERROR_UNAVAILABLE, "data_dir_failed",
                     "cannot make %s: %m", path);
}

/* A worker that was just killed holds its lock until the last of its threads
 * has come back from the kernel. */
static bool lock_soon(int fd)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    int64_t deadline = clock_mono_ms() + LOCK_PATIENCE_MS;

    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK || stop_asked || clock_mono_ms() > deadline)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* Held until this process ends: it proves that no other worker of this name
 * runs on these folders. */
static bool lock_name(void *mem, const struct conf *conf, struct error *err)
{
    char *path = talloc_asprintf(mem, "%s/worker-%s.lock", conf->data_dir,
                                 conf->worker_name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return error_set(err, ERROR_UNAVAILABLE, "lock_failed",
                         "cannot open %s: %m", path);
    if (lock_soon(fd))
        return true;
    error_set(err, ERROR_CONFLICT, "name_taken",
              "another worker named \"%s\" runs here: %s is locked; give this "
              "one another MILLRACE_WORKER_NAME",
              conf->worker_name, path);
    close(fd);
    return false;
}

static void on_wait(const struct error *why)
{
    log_warn("waiting for the database: %s", why->text);
}

static bool prepare(void *mem, const struct conf *conf, struct error *err)
{
    return check_name(conf, err) && make_dir(mem, conf, "work", err) &&
           make_dir(mem, conf, "artifacts", err) && lock_name(mem, conf, err) &&
           schema_wait(conf->database_url, on_wait, is_stop_asked, err);
}

static bool work(void *mem, const struct conf *conf,
                 const struct queues *queues, struct error *err)
{
    struct event_base *base = event_base_new();
    struct worker *worker = worker_new(mem, conf, queues, base, err);

    if (worker) {
        if (stop_asked)
            raise(SIGTERM);
        event_base_dispatch(base);
        log_info("stopped");
        if (worker->abandoned)
            _exit(EXIT_SUCCESS); /* threads are at work that does not end */
        talloc_free(worker);
    }
    event_base_free(base);
    return worker != NULL;
}

static int run(void *mem, int argc, char *argv[])
{
    enum log_level level = LOG_LEVEL_INFO;
    struct queues queues;
    struct error err;
    struct conf conf;

    if (!conf_read(mem, argc, argv, &conf, &err) ||
        !queues_read(mem, conf.queues, conf.slots, &queues, &err)) {
        log_err("%s", err.text);
        return EXIT_SETUP;
    }
    if (log_level_by_name(conf.log_level, &level))
        log_open("millrace-worker", level);
    if (prepare(mem, &conf, &err) && work(mem, &conf, &queues, &err))
        return EXIT_SUCCESS;
    if (stop_asked)
        return EXIT_SUCCESS;
    log_err("%s", err.text);
    return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    void *mem = talloc_new(NULL);
    int status;

    child_prepare();
    set_signals();
    log_open("millrace-worker", LOG_LEVEL_INFO);
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    status = run(mem, argc, argv);
    talloc_free(mem);
    return status;
}
