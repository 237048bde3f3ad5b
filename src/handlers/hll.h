/* HyperLogLog: how many different values there were, in 2^bits bytes. */
#ifndef HANDLERS_HLL_H
#define HANDLERS_HLL_H

#include <stdint.h>

struct hll;

/* The standard error is 1.04 / sqrt(2^bits): 0.8 % for 14 bits. */
struct hll *hll_new(void *mem, unsigned bits);
void hll_add(struct hll *hll, uint64_t hash);
double hll_count(const struct hll *hll);

#endif
