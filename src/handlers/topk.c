#include "topk.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct topk {
    struct topk_value *values; /* values[0..used) */
    unsigned used, room;
    uint16_t *index; /* open addressing: position + 1, 0 is free */
    size_t mask;
    uint64_t error; /* what purges took from every count */
};

struct topk *topk_new(void *mem, unsigned counters)
{
    struct topk *topk = talloc_zero(mem, struct topk);
    unsigned size = 16;

    while (size < counters * 2)
        size *= 2;
    topk->room = counters;
    topk->values = talloc_array(topk, struct topk_value, counters);
    topk->index = talloc_zero_array(topk, uint16_t, size);
    topk->mask = size - 1;
    return topk;
}

/* Where the hash is in the index, or the free place where it would go. */
static uint16_t *find(const struct topk *topk, uint64_t hash)
{
    size_t at = hash & topk->mask;

    while (topk->index[at] && topk->values[topk->index[at] - 1].hash != hash)
        at = (at + 1) & topk->mask;
    return &topk->index[at];
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t median_count(const struct topk *topk)
{
    uint64_t *counts = talloc_array(topk, uint64_t, topk->used), median;

    for (size_t i = 0; i < topk->used; i++)
        counts[i] = topk->values[i].count;
    qsort(counts, topk->used, sizeof(*counts), by_number);
    median = counts[topk->used / 2];
    talloc_free(counts);
    return median;
}

/*
 * Take the median from every count and drop those that reach zero: at least
 * half, so that a purge is paid for by the many additions before it.
 */
static void purge(struct topk *topk)
{
    uint64_t less = median_count(topk);
    unsigned kept = 0;

    topk->error += less;
    memset(topk->index, 0, (topk->mask + 1) * sizeof(*topk->index));
    for (size_t i = 0; i < topk->used; i++) {
        if (topk->values[i].count <= less)
            continue;
        topk->values[kept] = topk->values[i];
        topk->values[kept].count -= less;
        *find(topk, topk->values[kept].hash) = (uint16_t)(kept + 1);
        kept++;
    }
    topk->used = kept;
}

void topk_add(struct topk *topk, uint64_t hash, const char *text, size_t len)
{
    uint16_t *place = find(topk, hash);
    struct topk_value *value;

    if (*place) {
        topk->values[*place - 1].count++;
        return;
    }
    if (topk->used == topk->room) {
        purge(topk);
        place = find(topk, hash);
    }
    value = &topk->values[topk->used++];
    value->count = 1;
    value->hash = hash;
    clip_set(&value->clip, text, len);
    *place = (uint16_t)topk->used;
}

uint64_t topk_error(const struct topk *topk)
{
    return topk->error;
}

size_t topk_used(const struct topk *topk)
{
    return topk->used;
}

/* Most frequent first; equal ones by their text, so that runs agree. */
static int by_count(const void *a, const void *b)
{
    const struct topk_value *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return -clip_compare(&x->clip, y->clip.text, y->clip.len);
}

size_t topk_list(struct topk *topk, const struct topk_value **ret, size_t size)
{
    size_t count = 0;

    qsort(topk->values, topk->used, sizeof(*topk->values), by_count);
    while (count < size && count < topk->used &&
           topk->values[count].count > topk->error) {
        ret[count] = &topk->values[count];
        count++;
    }
    return count;
}
