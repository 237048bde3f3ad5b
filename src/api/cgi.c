#include "cgi.h"
#include "http.h"
#include "reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

bool cgi_started(void)
{
    return getenv("GATEWAY_INTERFACE") && getenv("REQUEST_METHOD");
}

/* A server may keep stdin open: the announced length is where the body ends,
 * and without one there is none. */
static int read_stdin(void *source, char *into, int size)
{
    int64_t *left = source;
    ssize_t count;

    if (*left <= 0)
        return 0;
    do
        count = read(STDIN_FILENO, into, (size_t)(*left < size ? *left : size));
    while (count < 0 && errno == EINTR);
    if (count > 0)
        *left -= count;
    return (int)count;
}

static bool write_stdout(void *sink, const char *data, size_t len)
{
    (void)sink;
    while (len > 0) {
        ssize_t count = write(STDOUT_FILENO, data, len);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        data += count;
        len -= (size_t)count;
    }
    return true;
}

/* Whether a variable is there that only web servers set. */
static bool has_server(void)
{
    static const char *const names[] = {"SERVER_", "REMOTE_",       "SCRIPT_",
                                        "PATH_",   "DOCUMENT_ROOT", "HTTP_HOST",
                                        "AUTH_",   "REDIRECT_"};

    for (char *const *at = environ; *at; at++)
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (!strncmp(*at, names[i], strlen(names[i])))
                return true;
    return false;
}

/* As users are named, in bytes. */
static bool is_user(const char *name)
{
    size_t len = strlen(name);

    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return len >= 1 && len <= 400;
}

/* Who asks, as the program says that started this one; see cgi.h. */
static void trust_parent(struct request *req)
{
    const char *text = getenv("MILLRACE_TRUST");
    char *name;
    long pid;

    if (!text || has_server())
        return;
    pid = strtol(text, &name, 10);
    if (pid != getppid() || *name != ':' || !is_user(name + 1))
        return;
    req->trusted = true;
    req->caller = (struct caller){
        .token_id = "local", .owner = name + 1, .role = ROLE_ADMIN};
}

void cgi_serve(struct api *api)
{
    int64_t left;
    struct request *req =
        http_request_new(NULL, api, environ, read_stdin, &left);
    struct response res = {0};

    left = req->body.length;
    trust_parent(req);
    http_serve(req, &res);
    reply_send(req, &res, write_stdout, NULL);
    talloc_free(req);
}
