#include "breaker.h"

#include "queue.h"

#include <string.h>
#include <talloc.h>

/* Of a host that has failed lately; of others nothing is known. */
struct breaker {
    TAILQ_ENTRY(breaker) next;
    int64_t failures; /* in a row */
    int64_t until_ms; /* of its pause; 0: it is closed */
    bool probing;     /* a probe is under way */
    char *host;
};

struct breakers {
    TAILQ_HEAD(, breaker) list;
    int64_t failures, pause_ms;
};

struct breakers *breakers_new(void *mem, int64_t failures, int64_t pause_ms)
{
    struct breakers *breakers = talloc_zero(mem, struct breakers);

    TAILQ_INIT(&breakers->list);
    breakers->failures = failures;
    breakers->pause_ms = pause_ms;
    return breakers;
}

static struct breaker *find(const struct breakers *breakers, const char *host)
{
    struct breaker *breaker;

    TAILQ_FOREACH(breaker, &breakers->list, next)
        if (!strcmp(breaker->host, host))
            return breaker;
    return NULL;
}

static struct breaker *find_or_add(struct breakers *breakers, const char *host)
{
    struct breaker *breaker = find(breakers, host);

    if (breaker)
        return breaker;
    breaker = talloc_zero(breakers, struct breaker);
    breaker->host = talloc_strdup(breaker, host);
    TAILQ_INSERT_TAIL(&breakers->list, breaker, next);
    return breaker;
}

int breaker_room(const struct breakers *breakers, const char *host,
                 int64_t now_ms)
{
    const struct breaker *breaker = find(breakers, host);

    if (!breaker || !breaker->until_ms)
        return -1;
    return !breaker->probing && now_ms >= breaker->until_ms ? 1 : 0;
}

bool breaker_begin(struct breakers *breakers, const char *host, int64_t now_ms)
{
    struct breaker *breaker = find(breakers, host);
    bool probe = breaker && breaker->until_ms && now_ms >= breaker->until_ms;

    if (probe)
        breaker->probing = true;
    return probe;
}

/* A late answer to a request from before it opened counts too. */
bool breaker_good(struct breakers *breakers, const char *host)
{
    struct breaker *breaker = find(breakers, host);
    bool was_open = breaker && breaker->until_ms;

    if (breaker)
        TAILQ_REMOVE(&breakers->list, breaker, next);
    talloc_free(breaker);
    return was_open;
}

bool breaker_bad(struct breakers *breakers, const char *host, bool probe,
                 int64_t now_ms)
{
    struct breaker *breaker = find_or_add(breakers, host);
    bool opens = ++breaker->failures >= breakers->failures;

    if (breaker->until_ms)
        opens = probe; /* others are from before it opened */
    if (!opens)
        return false;
    breaker->probing = false;
    breaker->until_ms = now_ms + breakers->pause_ms;
    return true;
}

void breaker_dropped(struct breakers *breakers, const char *host, bool probe)
{
    struct breaker *breaker = find(breakers, host);

    if (breaker && probe)
        breaker->probing = false;
}

int64_t breakers_next_ms(const struct breakers *breakers, int64_t now_ms)
{
    const struct breaker *breaker;
    int64_t next_ms = -1;

    TAILQ_FOREACH(breaker, &breakers->list, next)
        if (breaker->until_ms > now_ms &&
            (next_ms < 0 || breaker->until_ms < next_ms))
            next_ms = breaker->until_ms;
    return next_ms;
}
