#ifndef WORKER_BREAKER_H
#define WORKER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The circuit breakers of a type, one for each host that its jobs go to. After
 * so many failures in a row it opens: nothing goes to that host for a while.
 * Then one request is let through as a probe; if it does well the breaker is
 * closed, else the pause begins anew. Times are of the clock that never jumps.
 */
struct breakers;

struct breakers *breakers_new(void *mem, int64_t failures, int64_t pause_ms);

/* How many requests may begin now: 0, 1 (the probe), or any number (-1). */
int breaker_room(const struct breakers *breakers, const char *host,
                 int64_t now_ms);

/* A request begins; true: it is the probe, which is told again at its end. */
bool breaker_begin(struct breakers *breakers, const char *host, int64_t now_ms);

/* It went well: true where the breaker was open, and is closed now. */
bool breaker_good(struct breakers *breakers, const char *host);

/* It went badly: true where the breaker has opened by it, perhaps again. */
bool breaker_bad(struct breakers *breakers, const char *host, bool probe,
                 int64_t now_ms);

/* It was dropped, which says nothing of the host. */
void breaker_dropped(struct breakers *breakers, const char *host, bool probe);

/* When the first open one lets a probe through; -1: none is open. */
int64_t breakers_next_ms(const struct breakers *breakers, int64_t now_ms);

#endif
