#include "fetch_many.h"

#include "buf.h"
#include "fetch_private.h"

#include <stdlib.h>
#include <strings.h>
#include <talloc.h>
#include <unistd.h>

struct fetch_many {
    CURLM *multi;
    struct event_base *base;
    struct event *timer;
    void *watches; /* holds them */
    struct fetch_many_options options;
};

struct fetch_one {
    struct fetch_many *many;
    CURL *curl;
    struct curl_slist *headers;
    struct buf body;
    bool refused;   /* an address was */
    bool connected; /* another was not */
    bool too_large;
    char why[CURL_ERROR_SIZE];
    fetch_end_fn *done;
    void *arg;
};

/* A socket of curl's in the loop. */
struct watch {
    struct event *event;
};

/* ------------------------------------------------------------ ends */

static const char *code_of(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "unknown_host";
    case CURLE_COULDNT_CONNECT:
        return "connect_failed";
    case CURLE_OPERATION_TIMEDOUT:
        return "connect_timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return "tls_failed";
    default:
        return "connection_lost";
    }
}

/* No address and no URL: what stands in it may be a secret. */
static void set_error(const struct fetch_one *one, CURLcode code,
                      struct error *err)
{
    const char *why = *one->why ? one->why : curl_easy_strerror(code);

    if (one->too_large)
        error_set(err, ERROR_TOO_LARGE, "answer_too_large",
                  "the answer is larger than %zu bytes",
                  one->many->options.max_body);
    else if (one->refused && !one->connected)
        error_set(err, ERROR_FORBIDDEN, "address_refused",
                  "the host has an address that is not of the open internet, "
                  "and the type does not allow it");
    else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        error_set(err, ERROR_INVALID, "invalid_url", "the URL is none: %s",
                  why);
    else
        error_set(err, ERROR_UNAVAILABLE, code_of(code), "%s", why);
}

static void tell(struct fetch_one *one, CURLcode code)
{
    struct fetch_answer answer = {0};
    struct error err;
    long status = 0;

    if (code != CURLE_OK) {
        set_error(one, code, &err);
        one->done(NULL, &err, one->arg);
        return;
    }
    curl_easy_getinfo(one->curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (int)status;
    answer.content_type = fetch_header(one->curl, one, "Content-Type");
    answer.retry_after = fetch_header(one->curl, one, "Retry-After");
    answer.body = buf_text(&one->body);
    answer.body_len = one->body.len;
    one->done(&answer, NULL, one->arg);
}

static void reap(struct fetch_many *many)
{
    struct fetch_one *one;
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(many->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &one);
        tell(one, msg->data.result);
        talloc_free(one);
    }
}

/* ------------------------------------------------------------ the loop */

static void act(struct fetch_many *many, curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(many->multi, fd, what, &running);
    reap(many);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    act(arg, fd,
        (what & EV_READ ? CURL_CSELECT_IN : 0) |
            (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_end(struct watch *watch)
{
    if (watch->event)
        event_free(watch->event);
    return 0;
}

static struct watch *watch_new(struct fetch_many *many, curl_socket_t fd)
{
    struct watch *watch = talloc_zero(many->watches, struct watch);

    talloc_set_destructor(watch, watch_end);
    curl_multi_assign(many->multi, fd, watch);
    return watch;
}

/* curl wants to know when a socket is ready for this, or no longer. */
static int on_interest(CURL *curl, curl_socket_t fd, int what, void *arg,
                       void *socket)
{
    struct fetch_many *many = arg;
    struct watch *watch = socket;
    short events = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        talloc_free(watch);
        return 0;
    }
    if (!watch)
        watch = watch_new(many, fd);
    watch_end(watch);
    watch->event = event_new(many->base, fd, (short)(events | EV_PERSIST),
                             on_socket, many);
    event_add(watch->event, NULL);
    return 0;
}

static int on_wait(CURLM *multi, long ms, void *arg)
{
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    struct fetch_many *many = arg;

    (void)multi;
    if (ms < 0)
        event_del(many->timer);
    else
        event_add(many->timer, &wait);
    return 0;
}

/* ------------------------------------------------------------ a request */

static size_t on_data(char *data, size_t unit, size_t len, void *arg)
{
    struct fetch_one *one = arg;

    (void)unit;
    if (one->body.len + len > one->many->options.max_body) {
        one->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buf_add(&one->body, data, len);
    return len;
}

static curl_socket_t on_connect(void *arg, curlsocktype purpose,
                                struct curl_sockaddr *address)
{
    struct fetch_one *one = arg;
    const struct fetch_many_options *options = &one->many->options;

    (void)purpose;
    if (options->may_connect &&
        !options->may_connect(&address->addr, options->arg)) {
        one->refused = true;
        return CURL_SOCKET_BAD;
    }
    one->connected = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

static void set_connection(struct fetch_one *one, const char *url)
{
    const struct fetch_many_options *options = &one->many->options;
    CURL *curl = one->curl;

    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)options->connect_ms);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_connect);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, one);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    if (options->ca_file) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    /* Over TLS it is known before the first answer whether a connection can be
     * shared, so that waiting for it is short. */
    if (!strncasecmp(url, "https:", 6))
        curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 1L);
    /* Dropped in the middle of a lookup, it does not wait for its thread. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
}

static int one_end(struct fetch_one *one)
{
    curl_multi_remove_handle(one->many->multi, one->curl);
    curl_easy_cleanup(one->curl);
    curl_slist_free_all(one->headers);
    return 0;
}

struct fetch_one *fetch_many_send(struct fetch_many *many,
                                  const struct fetch_request *req,
                                  fetch_end_fn *done, void *arg)
{
    struct fetch_one *one = talloc_zero(many, struct fetch_one);
    CURL *curl = one->curl = curl_easy_init();

    if (!curl)
        abort();
    one->many = many;
    one->done = done;
    one->arg = arg;
    one->headers = fetch_headers(req->headers);
    buf_init(&one->body, one, 256);
    talloc_set_destructor(one, one_end);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, one);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, one->why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, one);
    fetch_prepare(curl, req, one->headers);
    set_connection(one, req->url);
    curl_multi_add_handle(many->multi, curl);
    return one;
}

void fetch_many_drop(struct fetch_one *one)
{
    talloc_free(one);
}

/* ------------------------------------------------------------ all of them */

static int many_end(struct fetch_many *many)
{
    curl_multi_setopt(many->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(many->multi, CURLMOPT_TIMERFUNCTION, NULL);
    /* Before the sockets that they watch are closed. */
    talloc_free(many->watches);
    talloc_free_children(many);
    curl_multi_cleanup(many->multi);
    event_free(many->timer);
    return 0;
}

struct fetch_many *fetch_many_new(void *mem, struct event_base *base,
                                  const struct fetch_many_options *options)
{
    struct fetch_many *many = talloc_zero(mem, struct fetch_many);
    long connections = options->connections;

    many->base = base;
    many->watches = talloc_new(many);
    many->options = *options;
    many->timer = event_new(base, -1, 0, on_timer, many);
    many->multi = curl_multi_init();
    if (!many->multi)
        abort();
    talloc_set_destructor(many, many_end);
    curl_multi_setopt(many->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(many->multi, CURLMOPT_SOCKETDATA, many);
    curl_multi_setopt(many->multi, CURLMOPT_TIMERFUNCTION, on_wait);
    curl_multi_setopt(many->multi, CURLMOPT_TIMERDATA, many);
    curl_multi_setopt(many->multi, CURLMOPT_MAXCONNECTS, connections);
    curl_multi_setopt(many->multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
                      connections);
    return many;
}
