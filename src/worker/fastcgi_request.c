#include "fastcgi_request.h"

#include "cgi_answer.h"
#include "facts.h"
#include "fastcgi.h"
#include "fastcgi_connect.h"
#include "fastcgi_params.h"
#include "fcgi_record.h"
#include "job_log.h"
#include "lines.h"
#include "recorder.h"
#include "said.h"
#include "text.h"
#include "worker.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <sys/socket.h>
#include <talloc.h>

#define MAX_HEADERS 65536

struct fastcgi_request {
    struct fastcgi *fastcgi;
    struct attempt *attempt;
    struct bufferevent *stream;
    struct event *overdue; /* while it connects */
    bool connected;
    struct buf out; /* what came on stdout */
    struct lines log;
};

/* ------------------------------------------------------------ ends */

/* After any of these the request is gone, and its attempt has ended. */
static void fail(struct fastcgi_request *request, const char *code,
                 const char *message)
{
    struct failure failure = {.code = code, .message = message};

    lines_end(&request->log);
    attempt_fail(request->attempt, &failure);
    talloc_free(request);
}

static void fail_large(struct fastcgi_request *request)
{
    struct failure failure = {
        .code = "result_too_large",
        .message = "the answer is larger than run.maxResponse",
        .final = true,
    };

    lines_end(&request->log);
    attempt_fail(request->attempt, &failure);
    talloc_free(request);
}

static void succeed(struct fastcgi_request *request)
{
    struct attempt *attempt = request->attempt;
    struct web_answer answer;
    struct error err;

    fastcgi_answered(request->fastcgi);
    if (!cgi_answer_read(request, request->out.data, request->out.len, &answer,
                         &err)) {
        fail(request, err.code, err.text);
    } else if (answer.len > (size_t)attempt->lane->type->max_response) {
        fail_large(request);
    } else {
        lines_end(&request->log);
        web_answer_end(attempt, &answer);
        talloc_free(request);
    }
}

/* Nothing has run: the attempt does not count. */
static void give_back(struct fastcgi_request *request, const char *why)
{
    struct fastcgi *fastcgi = request->fastcgi;
    struct attempt *attempt = request->attempt;

    talloc_free(request);
    attempt_give_back(attempt);
    fastcgi_refused(fastcgi, why);
}

void fastcgi_request_stop(struct fastcgi_request *request)
{
    struct attempt *attempt = request->attempt;
    struct buf abort;

    buf_init(&abort, request, 16);
    fcgi_add_abort(&abort);
    if (request->connected)
        (void)!send(bufferevent_getfd(request->stream), abort.data, abort.len,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    lines_end(&request->log);
    talloc_free(request);
    attempt_give_back(attempt);
}

/* ------------------------------------------------------------ the answer */

static bool starts_with(const char *line, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);

    return len >= n && !memcmp(line, prefix, n);
}

static bool take_progress(struct fastcgi_request *request, const char *line,
                          size_t len)
{
    void *mem;
    json_t *said;
    struct error err;
    bool taken;

    if (len == 0 || *line != '{')
        return false;
    mem = talloc_new(request);
    taken = json_parse(mem, line, len, &said, &err) &&
            json_object_get(said, "progress") &&
            said_progress(request->attempt, said);
    talloc_free(mem);
    return taken;
}

static void take_message(struct fastcgi_request *request, const char *line,
                         size_t len)
{
    if (text_is_blank(line, len) || take_progress(request, line, len))
        return;
    recorder_log(request->attempt->worker->recorder, request->attempt, line,
                 len);
    facts_line(request->attempt, line, len);
}

/* php-fpm joins what error_log() is told: "PHP message: one; PHP message: two",
 * and what it could not send with the first begins with "; ". */
static void on_log_line(const char *line, size_t len, bool cut, void *arg)
{
    static const char joint[] = "; PHP message: ";
    const char *prefix = joint + 2, *next, *end = line + len;

    (void)cut;
    if (starts_with(line, len, "; "))
        line += 2;
    while (starts_with(line, (size_t)(end - line), prefix)) {
        line += strlen(prefix);
        next = memmem(line, (size_t)(end - line), joint, strlen(joint));
        if (!next)
            break;
        take_message(arg, line, (size_t)(next - line));
        line = next + 2;
    }
    take_message(arg, line, (size_t)(end - line));
}

/* A record is ended by no line feed, but is sent when there is one line. */
static void take_log(struct fastcgi_request *request,
                     const struct fcgi_record *record)
{
    lines_feed(&request->log, (const char *)record->content, record->len);
    lines_end(&request->log);
}

static void on_end(struct fastcgi_request *request,
                   const struct fcgi_record *record)
{
    struct fcgi_end end;
    struct error err;
    char text[80];

    if (!fcgi_read_end(record, &end, &err)) {
        fail(request, err.code, err.text);
    } else if (end.protocol_status == FCGI_OVERLOADED) {
        give_back(request, "it is overloaded");
    } else if (end.protocol_status != FCGI_REQUEST_COMPLETE) {
        fail(request, "fastcgi_protocol",
             "the server is no FastCGI responder for one request a "
             "connection");
    } else if (end.app_status != 0) {
        snprintf(text, sizeof(text), "the script ended with status %u",
                 (unsigned)end.app_status);
        fail(request, "handler_failed", text);
    } else {
        succeed(request);
    }
}

/* False: the request is gone. */
static bool take_output(struct fastcgi_request *request,
                        const struct fcgi_record *record)
{
    size_t max = (size_t)request->attempt->lane->type->max_response;

    if (request->out.len + record->len > max + MAX_HEADERS) {
        fail_large(request);
        return false;
    }
    buf_add(&request->out, (const char *)record->content, record->len);
    return true;
}

static bool take_record(struct fastcgi_request *request,
                        const struct fcgi_record *record)
{
    switch (record->type) {
    case FCGI_STDOUT:
        return take_output(request, record);
    case FCGI_STDERR:
        take_log(request, record);
        return true;
    case FCGI_END_REQUEST:
        on_end(request, record);
        return false;
    default:
        return true;
    }
}

static void on_read(struct bufferevent *stream, void *arg)
{
    struct fastcgi_request *request = arg;
    struct evbuffer *in = bufferevent_get_input(stream);
    size_t left = evbuffer_get_length(in), used = 1;
    const unsigned char *data = evbuffer_pullup(in, -1);
    struct fcgi_record record;
    struct error err;
    size_t taken = 0;

    attempt_heard(request->attempt);
    while (used > 0 && taken < left) {
        if (!fcgi_read(data + taken, left - taken, &record, &used, &err)) {
            fail(request, err.code, err.text);
            return;
        }
        if (used > 0 && !take_record(request, &record))
            return;
        taken += used;
    }
    evbuffer_drain(in, taken);
}

/* ------------------------------------------------------------ its start */

static void on_connected(struct fastcgi_request *request)
{
    struct attempt *attempt = request->attempt;
    struct buf out;

    event_del(request->overdue);
    request->connected = true;
    buf_init(&out, request, strlen(attempt->payload) + 1024);
    fastcgi_add_request(&out, attempt);
    TALLOC_FREE(attempt->payload);
    bufferevent_write(request->stream, out.data, out.len);
    talloc_free(out.data);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct fastcgi_request *request = arg;
    int error = EVUTIL_SOCKET_ERROR();

    (void)stream;
    if (what & BEV_EVENT_CONNECTED)
        on_connected(request);
    else if (!request->connected)
        give_back(request, evutil_socket_error_to_string(error));
    else
        fail(request, "handler_died",
             "the server closed the connection before its answer was whole");
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    give_back(arg, "it did not take the connection in time");
}

static int request_done(struct fastcgi_request *request)
{
    if (request->stream)
        bufferevent_free(request->stream);
    event_free(request->overdue);
    return 0;
}

static struct fastcgi_request *request_new(struct fastcgi *fastcgi,
                                           struct attempt *attempt)
{
    struct fastcgi_request *request =
        talloc_zero(attempt, struct fastcgi_request);

    request->fastcgi = fastcgi;
    request->attempt = attempt;
    request->overdue =
        event_new(attempt->worker->base, -1, 0, on_overdue, request);
    buf_init(&request->out, request, 256);
    lines_init(&request->log, request, JOB_LOG_MAX_LINE, on_log_line, request);
    talloc_set_destructor(request, request_done);
    attempt->run = request;
    return request;
}

static void open_stream(struct fastcgi_request *request, int fd)
{
    request->stream = bufferevent_socket_new(request->attempt->worker->base, fd,
                                             BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(request->stream, on_read, NULL, on_event, request);
    bufferevent_enable(request->stream, EV_READ | EV_WRITE);
}

void fastcgi_request_start(struct fastcgi *fastcgi, struct attempt *attempt)
{
    struct fastcgi_request *request = request_new(fastcgi, attempt);
    const struct job_type *type = attempt->lane->type;
    struct timeval patience = timeval_of_ms(type->connect_timeout_ms);
    struct error err;
    bool pending;
    int fd;

    if (!fastcgi_connect(type->socket, &fd, &pending, &err)) {
        give_back(request, err.text);
        return;
    }
    open_stream(request, fd);
    attempt_started(attempt);
    if (!pending) {
        on_connected(request);
        return;
    }
    event_add(request->overdue, &patience);
    bufferevent_socket_connect(request->stream, NULL, 0);
}
