/*
 * noop: gives each job's payload back as its result, as fast as the pipes go:
 * the payload's bytes are copied, never parsed. It is there to try a server
 * out and to measure it.
 *
 * A payload that is an object may ask for more:
 *   "sleepMs": 500         answer that much later (other jobs do not wait)
 *   "fail": "message"      fail with this message
 *   "retry": false         with "fail": for good (default true)
 */
#include "channel.h"
#include "skim.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* An answer that is to be sent later; a list sorted by time. */
struct late {
    struct late *next;
    int64_t due_ms;
    size_t len;
    char line[];
};

struct noop {
    struct channel *channel;
    struct late *late;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put_late(struct noop *noop, int64_t delay_ms, const char *line)
{
    size_t len = strlen(line);
    struct late *late = malloc(sizeof(*late) + len);
    struct late **at = &noop->late;

    if (!late)
        abort();
    late->due_ms = now_ms() + delay_ms;
    late->len = len;
    memcpy(late->line, line, len);
    while (*at && (*at)->due_ms <= late->due_ms)
        at = &(*at)->next;
    late->next = *at;
    *at = late;
}

static void send_due(struct noop *noop)
{
    while (noop->late && noop->late->due_ms <= now_ms()) {
        struct late *late = noop->late;

        noop->late = late->next;
        channel_put(noop->channel, late->line, late->len);
        free(late);
    }
}

/* How long poll() may wait; -1 is until there is something to read. */
static int wait_ms(const struct noop *noop)
{
    int64_t left;

    if (!noop->late)
        return -1;
    left = noop->late->due_ms - now_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static bool contains(const struct skim_member *payload, const char *name)
{
    return memmem(payload->value, payload->len, name, strlen(name)) != NULL;
}

/* Only such a payload is worth the time of a look inside. */
static bool asks_for_more(const struct skim_member *payload)
{
    return payload->value && payload->value[0] == '{' &&
           (contains(payload, "\"sleepMs\"") || contains(payload, "\"fail\""));
}

/* The answer to a payload with wishes, as a line to free(). */
static char *wish_line(const struct skim_member *id, const char *fail,
                       bool retry, json_t *payload)
{
    json_t *name = json_stringn(id->value + 1, id->len - 2);
    json_t *answer;
    char *text, *line = NULL;

    if (fail)
        answer =
            json_pack("{s:o, s:{s:s, s:s}, s:b}", "id", name, "error", "code",
                      "failed_on_request", "message", fail, "retry", retry);
    else
        answer = json_pack("{s:o, s:O}", "id", name, "result", payload);
    text = json_dumps(answer, JSON_COMPACT);
    if (!text || asprintf(&line, "%s\n", text) < 0)
        abort();
    free(text);
    json_decref(answer);
    return line;
}

/* False if the members have other types: then they are no wishes. */
static bool put_wish(struct noop *noop, const struct skim_member *id,
                     const struct skim_member *text)
{
    json_t *payload = json_loadb(text->value, text->len, 0, NULL);
    json_int_t sleep_ms = 0;
    const char *fail = NULL;
    int retry = true;
    bool good = json_unpack(payload, "{s?I, s?s, s?b}", "sleepMs", &sleep_ms,
                            "fail", &fail, "retry", &retry) == 0;

    if (good) {
        char *line = wish_line(id, fail, retry, payload);

        put_late(noop, sleep_ms > 0 ? sleep_ms : 0, line);
        free(line);
    }
    json_decref(payload);
    return good;
}

#define PUT(channel, literal) channel_put(channel, literal, sizeof(literal) - 1)

static void put_echo(struct channel *channel, const struct skim_member *id,
                     const struct skim_member *payload)
{
    PUT(channel, "{\"id\":");
    channel_put(channel, id->value, id->len);
    PUT(channel, ",\"result\":");
    if (payload->value)
        channel_put(channel, payload->value, payload->len);
    else
        PUT(channel, "null");
    PUT(channel, "}\n");
}

static void on_line(struct noop *noop, const char *line, size_t len)
{
    struct skim_member members[] = {{.name = "id"}, {.name = "payload"}};
    const struct skim_member *id = &members[0], *payload = &members[1];

    if (!skim(line, len, members, 2) || !id->value || id->len < 2 ||
        id->value[0] != '"') {
        fprintf(stderr, "passed over a line that is no job\n");
        return;
    }
    if (!asks_for_more(payload) || !put_wish(noop, id, payload))
        put_echo(noop->channel, id, payload);
}

/* Wait for lines or for the next late answer. False at the end of input. */
static bool take_lines(struct noop *noop)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char *line;
    size_t len;

    /* Without late answers the read itself may wait: one call less. */
    if (noop->late && poll(&in, 1, wait_ms(noop)) <= 0)
        return true;
    if (!channel_fill(noop->channel))
        return false;
    while ((line = channel_line(noop->channel, &len)))
        on_line(noop, line, len);
    return true;
}

static bool flush(struct noop *noop)
{
    send_due(noop);
    return channel_flush(noop->channel);
}

int main(void)
{
    struct noop noop = {.channel = channel_open(STDIN_FILENO, STDOUT_FILENO)};
    bool alive = true;

    signal(SIGPIPE, SIG_IGN);
    while (alive && take_lines(&noop))
        alive = flush(&noop);
    while (alive && noop.late) {
        poll(NULL, 0, wait_ms(&noop));
        alive = flush(&noop);
    }
    channel_close(noop.channel);
    return alive ? EXIT_SUCCESS : EXIT_FAILURE;
}
