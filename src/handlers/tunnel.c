#include "tunnel.h"
#include "kit.h"
#include "tunnel_login.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CHUNK = 32768,
    MOST_OF_DIR = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof("/s"),
};

/* The session belongs to the thread from its start to its end. */
struct tunnel {
    ssh_session session;
    ssh_channel channel;
    int listener;
    pthread_t thread;
    bool running;
    char dir[PATH_MAX]; /* only this user may enter it */
    struct sockaddr_un address;
};

const char *tunnel_socket(const struct tunnel *tunnel)
{
    return tunnel->address.sun_path;
}

/* ---------------------------------------------------------------- pump */

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t count = send(fd, data, len, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        data += count;
        len -= (size_t)count;
    }
    return true;
}

/* What the session has, all of it: the library may hold what poll() does not
 * tell of. */
static bool pump_in(struct tunnel *tunnel, int fd)
{
    char chunk[CHUNK];
    int count;

    while ((count = ssh_channel_read_nonblocking(tunnel->channel, chunk,
                                                 sizeof(chunk), 0)) > 0)
        if (!write_all(fd, chunk, (size_t)count))
            return false;
    return count >= 0 && !ssh_channel_is_eof(tunnel->channel);
}

static bool pump_out(struct tunnel *tunnel, int fd)
{
    char chunk[CHUNK];
    ssize_t len = recv(fd, chunk, sizeof(chunk), 0);

    for (ssize_t at = 0; at < len;) {
        int count = ssh_channel_write(tunnel->channel, chunk + at,
                                      (uint32_t)(len - at));

        if (count <= 0)
            return false;
        at += count;
    }
    return len > 0;
}

static void pump(struct tunnel *tunnel, int fd)
{
    struct pollfd fds[] = {
        {.fd = fd,                          .events = POLLIN},
        {.fd = ssh_get_fd(tunnel->session), .events = POLLIN},
    };
    /* Servers speak first: the library may hold their words already. */
    bool alive = pump_in(tunnel, fd);

    while (alive && (poll(fds, 2, -1) > 0 || errno == EINTR)) {
        if (fds[0].revents)
            alive = pump_out(tunnel, fd);
        alive = alive && pump_in(tunnel, fd);
    }
}

static void *run(void *arg)
{
    struct tunnel *tunnel = arg;
    int fd = accept(tunnel->listener, NULL, NULL);

    if (fd < 0)
        return NULL;
    pump(tunnel, fd);
    close(fd);
    return NULL;
}

/* ---------------------------------------------------------------- making */

static bool no_socket(const struct tunnel *tunnel, struct fault *err)
{
    return fault_set(err, FAULT_RETRY, "tunnel_failed",
                     "cannot make a socket in %.200s: %s", tunnel->dir,
                     strerror(errno));
}

/* An address holds 107 bytes: where the job's own folder has a longer path, the
 * socket has one of its own, which only this user may enter. */
static bool make_socket(struct tunnel *tunnel, struct fault *err)
{
    struct sockaddr_un *address = &tunnel->address;

    address->sun_family = AF_UNIX;
    snprintf(tunnel->dir, sizeof(tunnel->dir), "%s/tunnel-XXXXXX",
             kit_scratch_dir());
    if (strlen(tunnel->dir) > MOST_OF_DIR)
        snprintf(tunnel->dir, sizeof(tunnel->dir), "/tmp/tunnel-XXXXXX");
    if (!mkdtemp(tunnel->dir)) {
        tunnel->dir[0] = '\0';
        return no_socket(tunnel, err);
    }
    snprintf(address->sun_path, sizeof(address->sun_path), "%.*s/s",
             MOST_OF_DIR, tunnel->dir);
    tunnel->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return (tunnel->listener >= 0 &&
            bind(tunnel->listener, (struct sockaddr *)address,
                 sizeof(*address)) == 0 &&
            listen(tunnel->listener, 1) == 0) ||
           no_socket(tunnel, err);
}

/* The library shows the reason only by its number: 1 is "prohibited". */
static bool no_channel(struct tunnel *tunnel, const char *host, int port,
                       struct fault *err)
{
    const char *why = ssh_get_error(tunnel->session);

    return fault_set(err, FAULT_DATA, "ssh_forward_failed",
                     "the SSH server makes no connection to %s port %d: %s%s",
                     host, port, why,
                     strstr(why, "error (1)") ? " (it prohibits that)" : "");
}

static bool open_channel(struct tunnel *tunnel, const char *host, int port,
                         struct fault *err)
{
    tunnel->channel = ssh_channel_new(tunnel->session);
    if (!tunnel->channel)
        abort();
    return ssh_channel_open_forward(tunnel->channel, host, port, "127.0.0.1",
                                    0) == SSH_OK ||
           no_channel(tunnel, host, port, err);
}

static bool start(struct tunnel *tunnel, struct fault *err)
{
    int failed = pthread_create(&tunnel->thread, NULL, run, tunnel);

    tunnel->running = failed == 0;
    return tunnel->running ||
           fault_set(err, FAULT_RETRY, "tunnel_failed",
                     "cannot start a thread: %s", strerror(failed));
}

bool tunnel_open(const struct ssh_place *place, const char *host, int port,
                 struct tunnel **ret, struct fault *err)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

    if (!tunnel)
        abort();
    tunnel->listener = -1;
    if (tunnel_login(place, &tunnel->session, err) &&
        open_channel(tunnel, host, port, err) && make_socket(tunnel, err) &&
        start(tunnel, err)) {
        *ret = tunnel;
        return true;
    }
    tunnel_close(tunnel);
    return false;
}

static void end_thread(struct tunnel *tunnel)
{
    /* It may wait for a connection that nobody has made. */
    shutdown(tunnel->listener, SHUT_RDWR);
    pthread_join(tunnel->thread, NULL);
}

static void end_session(struct tunnel *tunnel)
{
    if (tunnel->channel)
        ssh_channel_free(tunnel->channel);
    if (tunnel->session) {
        ssh_disconnect(tunnel->session);
        ssh_free(tunnel->session);
    }
}

void tunnel_close(struct tunnel *tunnel)
{
    if (!tunnel)
        return;
    if (tunnel->running)
        end_thread(tunnel);
    end_session(tunnel);
    if (tunnel->listener >= 0)
        close(tunnel->listener);
    if (tunnel->dir[0]) {
        unlink(tunnel->address.sun_path);
        rmdir(tunnel->dir);
    }
    free(tunnel);
}
