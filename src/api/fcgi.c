#include "fcgi.h"
#include "clock.h"
#include "http.h"
#include "log.h"
#include "reply.h"

#include <errno.h>
#include <fcgiapp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 75        /* a peer that does not go on is gone */
#define AWAY_S     30        /* how long an unread body is read away */
#define PAUSE_S    2         /* unless it pauses for so long */
#define LINGER_MS  2000      /* how long it then is before closing */
#define LARGE      (1 << 20) /* a body out of the ordinary */

struct fcgi {
    int epoll;
    int listener;
    bool shared;     /* the listener is not ours alone */
    int stop;        /* an eventfd: readable once the drain begins */
    int end;         /* an eventfd: readable when all is over */
    atomic_int open; /* connections, in the set or in work */
    atomic_bool draining;
};

static int fcgi_close(struct fcgi *fcgi)
{
    close(fcgi->epoll);
    close(fcgi->stop);
    close(fcgi->end);
    return 0;
}

static bool watch(struct fcgi *fcgi, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(fcgi->epoll, operation, fd, &event) == 0;
}

bool fcgi_open(void *mem, int listener, bool shared, struct fcgi **ret,
               struct error *err)
{
    struct fcgi *fcgi = talloc_zero(mem, struct fcgi);

    /* At each close libfcgi would wait up to two seconds for the peer. */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
    fcgi->listener = listener;
    fcgi->shared = shared;
    fcgi->epoll = epoll_create1(EPOLL_CLOEXEC);
    fcgi->stop = eventfd(0, EFD_CLOEXEC);
    fcgi->end = eventfd(0, EFD_CLOEXEC);
    talloc_set_destructor(fcgi, fcgi_close);
    if (FCGX_Init() != 0 || fcgi->stop < 0 ||
        !watch(fcgi, EPOLL_CTL_ADD, fcgi->end, EPOLLIN))
        return error_set(err, ERROR_UNAVAILABLE, "fcgi_failed",
                         "cannot serve FastCGI: %m");
    *ret = fcgi;
    return true;
}

/* Raise `stop` or `end`, for good: nobody reads it away. */
static void raise_flag(int flag)
{
    uint64_t one = 1;

    if (write(flag, &one, sizeof(one)) < 0)
        log_err("cannot tell the threads to stop: %m");
}

/* One connection less; the last one of a drain ends it. */
static void count_off(struct fcgi *fcgi)
{
    if (atomic_fetch_sub(&fcgi->open, 1) == 1 && atomic_load(&fcgi->draining))
        raise_flag(fcgi->end);
}

/* How long a read waits. */
static void set_patience(int fd, int seconds)
{
    const struct timeval patience = {.tv_sec = seconds};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void set_up(int fd)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int on = 1;

    set_patience(fd, PATIENCE_S);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    /* Fails on a unix socket, which needs it not. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/*
 * Wait for the next request of a connection: whichever thread is free takes it
 * out of the set again. (Leaving it there, disarmed, would save a call, but
 * ThreadSanitizer sees the handing over only where one is added.)
 */
static void keep(struct fcgi *fcgi, int fd)
{
    if (watch(fcgi, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT))
        return;
    close(fd);
    count_off(fcgi);
}

/* Nothing can be accepted just now (file descriptors have run out). */
static void pause_accepting(void)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000000L};

    log_warn("cannot accept a connection (%m), trying again in 100 ms");
    nanosleep(&pause, NULL);
}

static bool accept_one(struct fcgi *fcgi)
{
    int fd = accept4(fcgi->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    set_up(fd);
    atomic_fetch_add(&fcgi->open, 1);
    keep(fcgi, fd);
    return true;
}

static void on_listener(struct fcgi *fcgi)
{
    if (!accept_one(fcgi) && errno != EAGAIN && errno != ECONNABORTED &&
        errno != EINTR)
        pause_accepting();
}

/*
 * From now on connecting is refused; those who were waiting still come in. (A
 * TCP socket drops them when it is shut, so they are taken before as well.)
 */
static void shut_listener(struct fcgi *fcgi)
{
    while (accept_one(fcgi))
        continue;
    shutdown(fcgi->listener, SHUT_RD);
    while (accept_one(fcgi))
        continue;
}

void fcgi_accept(struct fcgi *fcgi)
{
    struct pollfd fds[] = {
        {.fd = fcgi->listener, .events = POLLIN},
        {.fd = fcgi->stop,     .events = POLLIN}
    };

    while (poll(fds, 2, -1) < 0 || !fds[1].revents)
        if (fds[0].revents)
            on_listener(fcgi);
    if (!fcgi->shared)
        shut_listener(fcgi);
    atomic_store(&fcgi->draining, true);
    if (atomic_load(&fcgi->open) == 0)
        raise_flag(fcgi->end);
}

static int read_body(void *source, char *into, int size)
{
    FCGX_Stream *in = source;
    int count = FCGX_GetStr(into, size, in);

    return count == 0 && FCGX_GetError(in) ? -1 : count;
}

static bool write_out(void *sink, const char *data, size_t len)
{
    while (len > 0) {
        int part = len > INT32_MAX ? INT32_MAX : (int)len;

        if (FCGX_PutStr(data, part, sink) != part)
            return false;
        data += part;
        len -= (size_t)part;
    }
    return true;
}

static bool read_to_end(FCGX_Stream *in)
{
    int64_t until = clock_mono_ms() + AWAY_S * 1000;
    char trash[16384];
    int count;

    do
        count = FCGX_GetStr(trash, sizeof(trash), in);
    while (count == sizeof(trash) && clock_mono_ms() < until);
    return count < (int)sizeof(trash) && !FCGX_GetError(in);
}

/*
 * Read what is left of a body before its answer goes out, as long as it comes.
 * A web server that is answered while it sends takes the close after that for a
 * failure; or it has just sent the last of the body, keeps the connection and
 * sends its next request into what we throw away. Whether the end of the body
 * was reached.
 */
static bool read_away(FCGX_Request *cgi, const struct request *req)
{
    bool whole;

    if (req->body.taken >= req->body.length)
        return read_to_end(cgi->in);
    set_patience(cgi->ipcFd, PAUSE_S);
    whole = read_to_end(cgi->in);
    set_patience(cgi->ipcFd, PATIENCE_S);
    return whole;
}

/*
 * The peer is too slow with a body that nobody wants. Closing now could cost it
 * the answer, so it may go on until it has read that and closes.
 */
static void linger(FCGX_Request *cgi)
{
    struct pollfd peer = {.fd = cgi->ipcFd, .events = POLLIN};
    int64_t until = clock_mono_ms() + LINGER_MS, left = LINGER_MS;
    char trash[4096];

    FCGX_FClose(cgi->err);
    FCGX_FClose(cgi->out);
    while (left > 0 && poll(&peer, 1, (int)left) > 0 &&
           read(cgi->ipcFd, trash, sizeof(trash)) > 0)
        left = until - clock_mono_ms();
    cgi->keepConnection = 0;
}

static void answer(FCGX_Request *cgi, struct api *api)
{
    struct request *req =
        http_request_new(NULL, api, cgi->envp, read_body, cgi->in);
    struct response res = {0};
    bool whole, large;

    http_serve(req, &res);
    whole = read_away(cgi, req);
    reply_send(req, &res, write_out, cgi->out);
    if (!whole)
        linger(cgi);
    large = req->text_len > LARGE || res.body_len > LARGE;
    talloc_free(req);
    /* The allocator would keep what it took. */
    if (large)
        malloc_trim(0);
}

/*
 * One request of a connection. The connection is handed to libfcgi as one that
 * it kept from a request before; libfcgi has no listener, so where it would
 * accept the next connection it gives up instead.
 */
static void serve_one(struct fcgi *fcgi, struct api *api, int fd)
{
    FCGX_Request cgi;

    watch(fcgi, EPOLL_CTL_DEL, fd, 0);
    FCGX_InitRequest(&cgi, -1, 0);
    cgi.ipcFd = fd;
    cgi.keepConnection = 1;
    if (FCGX_Accept_r(&cgi) == 0) {
        answer(&cgi, api);
        FCGX_Finish_r(&cgi);
    }
    if (cgi.ipcFd >= 0)
        keep(fcgi, fd);
    else
        count_off(fcgi);
}

void fcgi_serve(struct fcgi *fcgi, struct api *api)
{
    struct epoll_event event;

    for (;;) {
        if (epoll_wait(fcgi->epoll, &event, 1, -1) < 1)
            continue;
        if (event.data.fd == fcgi->end)
            return;
        serve_one(fcgi, api, event.data.fd);
    }
}

void fcgi_drain(struct fcgi *fcgi, int ms)
{
    struct pollfd ended = {.fd = fcgi->end, .events = POLLIN};

    raise_flag(fcgi->stop);
    if (poll(&ended, 1, ms) > 0)
        return;
    log_info("gave up %d connections that were kept open",
             atomic_load(&fcgi->open));
    raise_flag(fcgi->end);
}
