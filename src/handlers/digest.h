/*
 * A t-digest (merging variant, Dunning & Ertl 2019): quantiles of any number
 * of values in fixed memory, sharpest at both tails. While the values still
 * fit into its buffer the answers are exact.
 */
#ifndef HANDLERS_DIGEST_H
#define HANDLERS_DIGEST_H

#include <stdbool.h>

struct digest;

/* At most 2 * compression centroids and buffer values are kept. */
struct digest *digest_new(void *mem, unsigned compression, unsigned buffer);
void digest_add(struct digest *digest, double value);

/* q from 0 to 1, by linear interpolation. NAN if there was no value. */
double digest_quantile(struct digest *digest, double q);
bool digest_is_exact(const struct digest *digest);

#endif
