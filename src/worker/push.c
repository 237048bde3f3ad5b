#include "push.h"

#include "breaker.h"
#include "clock.h"
#include "fetch_many.h"
#include "log.h"
#include "network.h"
#include "push_request.h"
#include "queries.h"
#include "web_answer.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* Jobs that wait for a host of many, beside those that are under way. */
#define MAX_PARKED 1000

struct push {
    struct lane *lane;
    struct fetch_many *fetch;
    struct breakers *breakers;
    const char *host; /* of all its jobs; NULL: each names its own */
    struct network *allow;
    struct event *wake; /* a breaker lets a probe through */
    int in_flight, parked;
};

/* A job under way, or parked. */
struct push_job {
    struct push *push;
    struct attempt *attempt;
    const char *url, *host;
    struct fetch_one *request; /* NULL: it is parked */
    bool probe;
};

/* ------------------------------------------------------------ breakers */

/* What was held up may go on. */
static void look_again(struct push *push)
{
    struct attempt *attempt;

    TAILQ_FOREACH(attempt, &push->lane->queue, place)
        TALLOC_FREE(attempt->run);
    push->lane->full = true; /* nobody has looked meanwhile */
    worker_turn_soon(push->lane->worker);
}

static void on_wake(evutil_socket_t fd, short what, void *arg);

static void set_wake(struct push *push)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = breakers_next_ms(push->breakers, now_ms);
    struct timeval wait = timeval_of_ms(next_ms - now_ms + 1);

    if (next_ms >= 0)
        event_add(push->wake, &wait);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    look_again(arg);
    set_wake(arg);
}

/* Host and port are no secrets, the rest of the URL may be one. */
static void say(const struct push *push, enum log_level level, const char *what,
                const char *host)
{
    log_facts(level, what, "type", push->lane->type->type, "host", host, NULL);
}

static void went_well(struct push_job *job)
{
    if (!breaker_good(job->push->breakers, job->host))
        return;
    say(job->push, LOG_LEVEL_INFO, "BREAKER_CLOSED", job->host);
    look_again(job->push);
}

static void went_badly(struct push_job *job)
{
    if (!breaker_bad(job->push->breakers, job->host, job->probe,
                     clock_mono_ms()))
        return;
    say(job->push, LOG_LEVEL_WARN, "BREAKER_OPEN", job->host);
    set_wake(job->push);
}

/* ------------------------------------------------------------ ends */

static struct attempt *land(struct push_job *job)
{
    struct attempt *attempt = job->attempt;

    job->push->in_flight--;
    worker_turn_soon(job->push->lane->worker);
    attempt->run = NULL;
    talloc_free(job);
    return attempt;
}

static void fail(struct attempt *attempt, const struct error *err)
{
    struct failure failure = {
        .code = err->code,
        .message = err->text,
        .final = err->kind != ERROR_UNAVAILABLE,
    };

    attempt_fail(attempt, &failure);
}

static void on_end(const struct fetch_answer *answer, const struct error *err,
                   void *arg)
{
    struct push_job *job = arg;

    if (answer ? answer->status >= 500 : err->kind == ERROR_UNAVAILABLE)
        went_badly(job);
    else if (answer || err->kind == ERROR_TOO_LARGE)
        went_well(job);
    else
        breaker_dropped(job->push->breakers, job->host, job->probe);

    if (answer)
        web_answer_end(land(job), &(struct web_answer){
                                      .status = answer->status,
                                      .content_type = answer->content_type,
                                      .retry_after = *answer->retry_after
                                                         ? answer->retry_after
                                                         : NULL,
                                      .body = answer->body,
                                      .len = answer->body_len,
                                  });
    else
        fail(land(job), err);
}

static void push_stop(struct attempt *attempt, enum guard_command command)
{
    struct push_job *job = attempt->run;

    (void)command;
    fetch_many_drop(job->request);
    if (attempt->stop == STOP_TIMEOUT || attempt->stop == STOP_HEARTBEAT)
        went_badly(job);
    else
        breaker_dropped(job->push->breakers, job->host, job->probe);
    attempt_give_back(land(job));
}

/* ------------------------------------------------------------ beginnings */

static void start(struct push_job *job)
{
    struct attempt *attempt = job->attempt;
    struct push *push = job->push;
    struct fetch_request req;
    struct error err;

    TAILQ_REMOVE(&push->lane->queue, attempt, place);
    push->in_flight++;
    if (!push_request(job, attempt, job->url, clock_now_ms(), &req, &err)) {
        fail(land(job), &err);
        return;
    }
    job->probe = breaker_begin(push->breakers, job->host, clock_mono_ms());
    attempt_started(attempt);
    job->request = fetch_many_send(push->fetch, &req, on_end, job);
}

static struct push_job *job_new(struct push *push, struct attempt *attempt)
{
    struct push_job *job = talloc_zero(attempt, struct push_job);

    job->push = push;
    job->attempt = attempt;
    attempt->run = job;
    return job;
}

/* Refused before it is begun. */
static void refuse(struct push_job *job, const struct error *err)
{
    TAILQ_REMOVE(&job->push->lane->queue, job->attempt, place);
    job->push->in_flight++;
    fail(land(job), err);
}

static bool check(struct push_job *job, struct error *err)
{
    if (job->attempt->files)
        return error_set(err, ERROR_INVALID, "files_not_supported",
                         "jobs of the kind http take no files");
    return push_url(job, job->attempt, &job->url, err);
}

/* Start it, unless its breaker is open: then it stays where it is. */
static void try(struct push *push, struct attempt *attempt)
{
    struct push_job *job = job_new(push, attempt);
    struct error err;

    if (!check(job, &err)) {
        refuse(job, &err);
        return;
    }
    job->host = push->host ? push->host : push_host(job, job->url);
    if (breaker_room(push->breakers, job->host, clock_mono_ms()) != 0)
        start(job);
    else if (push->host)
        attempt_stop(attempt, STOP_GIVE_BACK);
    else
        push->parked++;
}

static void push_dispatch(struct lane *lane)
{
    struct push *push = lane->push;
    struct attempt *attempt, *next;

    push->parked = 0;
    TAILQ_FOREACH_SAFE(attempt, &lane->queue, place, next) {
        if (attempt->run)
            push->parked++;
        else if (push->in_flight < lane->type->max_in_flight)
            try(push, attempt);
    }
    if (lane->retired && lane->held == 0)
        TALLOC_FREE(push->fetch); /* and the connections that it keeps */
}

/* ------------------------------------------------------------ silence */

/* An attempt that may be over when the answer comes. */
struct asked {
    struct worker *worker;
    char id[UUID_TEXT];
    int number;
};

/* While the database is away, nobody can report: that is no silence. */
static int64_t silence(const struct attempt *attempt,
                       const struct db_result *rows)
{
    if (!rows)
        return attempt->heartbeat_ms / 2;
    if (db_count(rows) > 0)
        return strtoll(db_text(rows, 0, "ms"), NULL, 10);
    return clock_mono_ms() - attempt->started_ms;
}

static void on_silence(struct db_result *rows, const struct error *err,
                       void *arg)
{
    struct asked *asked = arg;
    struct attempt *attempt =
        attempt_by_name(asked->worker, asked->id, asked->number);

    (void)err;
    if (attempt && attempt->stage == ATTEMPT_RUNNING)
        attempt_silent(attempt, silence(attempt, rows));
    talloc_free(asked);
}

void push_ask_silence(struct attempt *attempt)
{
    struct asked *asked = talloc_zero(attempt->worker, struct asked);
    char number[12];

    asked->worker = attempt->worker;
    asked->number = attempt->number;
    memcpy(asked->id, attempt->id, UUID_TEXT);
    snprintf(number, sizeof(number), "%d", attempt->number);
    dba_query(attempt->worker->asking, SQL_REPORT_SILENCE,
              DB_ARGS(attempt->id, number), on_silence, asked);
}

/* ------------------------------------------------------------ the lane */

/* With a breaker that is open for all of its jobs, the lane takes none. */
int64_t push_places(const struct push *push)
{
    int64_t most = push->lane->type->max_in_flight;
    int room = push->host
                   ? breaker_room(push->breakers, push->host, clock_mono_ms())
                   : -1;
    int parked = push->parked < MAX_PARKED ? push->parked : MAX_PARKED;

    return room < 0 ? most + parked : room;
}

static bool may_connect(const struct sockaddr *address, void *arg)
{
    const struct push *push = arg;
    size_t count = talloc_array_length(push->allow);

    for (size_t i = 0; i < count; i++)
        if (network_has(&push->allow[i], address))
            return true;
    return network_is_public(address);
}

static void read_allowed(struct push *push, const char **allow)
{
    unsigned count = 0;

    for (; allow && allow[count]; count++) {
        push->allow =
            talloc_realloc(push, push->allow, struct network, count + 1);
        /* Checked when the type was read. */
        (void)!network_read(allow[count], &push->allow[count]);
    }
}

static int push_end(struct push *push)
{
    event_free(push->wake);
    return 0;
}

struct push *push_new(struct lane *lane)
{
    const struct job_type *type = lane->type;
    struct push *push = talloc_zero(lane, struct push);
    struct fetch_many_options options = {
        .connections = (int)type->max_in_flight,
        .connect_ms = type->connect_timeout_ms,
        .max_body = (size_t)type->max_response,
        .ca_file = type->http.ca_file,
        .may_connect = may_connect,
        .arg = push,
    };

    push->lane = lane;
    push->host =
        *type->http.url == '/' ? NULL : push_host(push, type->http.url);
    push->wake = event_new(lane->worker->base, -1, 0, on_wake, push);
    push->fetch = fetch_many_new(push, lane->worker->base, &options);
    push->breakers = breakers_new(push, type->http.breaker_failures,
                                  type->http.breaker_pause_ms);
    read_allowed(push, type->http.allow);
    talloc_set_destructor(push, push_end);
    return push;
}

const struct handler push_handler = {push_dispatch, push_stop};
