#include "server.h"
#include "api.h"
#include "auth.h"
#include "committer.h"
#include "fcgi.h"
#include "notify.h"
#include "pool.h"
#include "waiters.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <talloc.h>
#include <unistd.h>

/* Untouched pages of a stack cost nothing; a thread uses a few of them. */
#define STACK_SIZE (512 * 1024)
#define DRAIN_MS   10000

struct server {
    struct api api;
    struct fcgi *fcgi;
    pthread_t *threads; /* the first one accepts, the others serve */
    int thread_count;
};

static void *take_connections(void *arg)
{
    struct server *server = arg;

    fcgi_accept(server->fcgi);
    return NULL;
}

static void *serve(void *arg)
{
    struct server *server = arg;

    fcgi_serve(server->fcgi, &server->api);
    return NULL;
}

static bool start_threads(struct server *server, int count, struct error *err)
{
    pthread_attr_t attr;
    int failed = 0;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    server->threads = talloc_array(server, pthread_t, (unsigned)count + 1);
    for (int i = 0; !failed && i <= count; i++) {
        failed = pthread_create(&server->threads[i], &attr,
                                i == 0 ? take_connections : serve, server);
        server->thread_count += !failed;
    }
    pthread_attr_destroy(&attr);
    if (failed)
        return error_set(err, ERROR_UNAVAILABLE, "no_thread",
                         "cannot start a thread: %s", strerror(failed));
    return true;
}

/* spawn-fcgi and mod_fcgid give the socket as fd 0, as FastCGI first had it. */
static bool listens(int fd)
{
    int on = 0;
    socklen_t size = sizeof(on);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

static bool open_listener(struct server *server, const struct conf *conf,
                          struct error *err)
{
    bool inherited = listens(STDIN_FILENO);
    bool shared = inherited || getenv("LISTEN_FDS");
    int listener = STDIN_FILENO;

    if (!inherited && !notify_listen(conf->api_socket, &listener, err))
        return false;
    if (inherited && fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "listen_failed",
                         "cannot use the socket that was handed over: %m");
    return fcgi_open(server, listener, shared, &server->fcgi, err);
}

/* Requests that wait must leave threads for those that do not. */
static int waiters_of(const struct conf *conf)
{
    int64_t half = conf->api_threads / 2;

    return (int)(conf->api_waiters < half ? conf->api_waiters : half);
}

static bool start_parts(struct server *server, const struct conf *conf,
                        struct error *err)
{
    struct api *api = &server->api;

    api->conf = conf;
    api->pool =
        pool_new(server, conf->database_url, (int)conf->api_connections);
    api->auth = auth_new(server);
    return open_listener(server, conf, err) &&
           committer_start(server, conf->database_url, conf->run_dir,
                           &api->committer, err) &&
           waiters_start(server, conf->database_url, conf->run_dir,
                         waiters_of(conf), &api->waiters, err) &&
           start_threads(server, (int)conf->api_threads, err);
}

bool server_start(const struct conf *conf, struct server **ret,
                  struct error *err)
{
    struct server *server = talloc_zero(NULL, struct server);

    *ret = server;
    return start_parts(server, conf, err);
}

void server_stop(struct server *server)
{
    waiters_dismiss(server->api.waiters);
    fcgi_drain(server->fcgi, DRAIN_MS);
    for (int i = 0; i < server->thread_count; i++)
        pthread_join(server->threads[i], NULL);
    waiters_stop(server->api.waiters);
    committer_stop(server->api.committer);
    talloc_free(server);
}
