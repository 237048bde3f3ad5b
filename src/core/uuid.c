#include "uuid.h"

#include <ctype.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNTER_MAX  0xFFF
#define COUNTER_SEED 0x7FF /* a millisecond begins in the lower half */

/* A clock that is set back by more than this is believed. */
#define SET_BACK_MS 60000

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The time and counter of the last id; guarded by the lock. */
static int64_t last_ms;
static unsigned last_counter;

static void sodium_start(void)
{
    if (sodium_init() < 0)
        abort();
}

/*
 * The next (time, counter), above all before. A counter that is used up borrows
 * the next millisecond, and so do calls whose clock is a little behind.
 */
static void next_stamp(int64_t now_ms, unsigned seed, int64_t *ret_ms,
                       unsigned *ret_counter)
{
    pthread_mutex_lock(&lock);
    if (now_ms > last_ms || now_ms < last_ms - SET_BACK_MS) {
        last_ms = now_ms;
        last_counter = seed;
    } else if (last_counter < COUNTER_MAX) {
        last_counter++;
    } else {
        last_ms++;
        last_counter = seed;
    }
    *ret_ms = last_ms;
    *ret_counter = last_counter;
    pthread_mutex_unlock(&lock);
}

void uuid_new(int64_t now_ms, char ret[UUID_TEXT])
{
    uint8_t random[10];
    int64_t ms;
    unsigned counter;

    pthread_once(&sodium_once, sodium_start);
    randombytes_buf(random, sizeof(random));
    next_stamp(now_ms, (random[0] << 8 | random[1]) & COUNTER_SEED, &ms,
               &counter);

    snprintf(
        ret, UUID_TEXT, "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x",
        (unsigned)((uint64_t)ms >> 16 & 0xFFFFFFFF), (unsigned)(ms & 0xFFFF),
        counter & 0xFFF, (random[2] & 0x3F) | 0x80, random[3], random[4],
        random[5], random[6], random[7], random[8], random[9]);
}

bool uuid_valid(const char *text)
{
    for (size_t i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[UUID_TEXT - 1] == '\0';
}
