/*
 * The most frequent values: Misra-Gries counters. As long as there are no
 * more different values than counters, all counts are exact. After that a
 * count may be too low by topk_error(), and every value that occurred more
 * often than that is there.
 */
#ifndef HANDLERS_TOPK_H
#define HANDLERS_TOPK_H

#include "clip.h"

struct topk;

struct topk_value {
    uint64_t count;
    uint64_t hash; /* stands for the value: equal hashes are one value */
    struct clip clip;
};

/* counters is at least 8 and less than 65536. */
struct topk *topk_new(void *mem, unsigned counters);
void topk_add(struct topk *topk, uint64_t hash, const char *text, size_t len);

uint64_t topk_error(const struct topk *topk); /* 0: exact */

/* How many counters are in use: with error 0, the distinct values. */
size_t topk_used(const struct topk *topk);

/*
 * Put the values that are certain to be among the most frequent into
 * ret[0..size), most frequent first; returns how many. Sorts: add no more.
 */
size_t topk_list(struct topk *topk, const struct topk_value **ret, size_t size);

#endif
