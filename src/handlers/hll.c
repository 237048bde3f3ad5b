#include "hll.h"

#include <math.h>
#include <talloc.h>

/* registers[i]: the longest run of zero bits, plus one, among its hashes. */
struct hll {
    unsigned bits;
    uint8_t *registers;
};

struct hll *hll_new(void *mem, unsigned bits)
{
    struct hll *hll = talloc_zero(mem, struct hll);

    hll->bits = bits;
    hll->registers = talloc_zero_array(hll, uint8_t, 1u << bits);
    return hll;
}

void hll_add(struct hll *hll, uint64_t hash)
{
    uint64_t index = hash >> (64 - hll->bits);
    /* The marker bit ends the run if all the others are zero. */
    uint64_t rest = hash << hll->bits | UINT64_C(1) << (hll->bits - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

    if (rank > hll->registers[index])
        hll->registers[index] = rank;
}

/*
 * sigma and tau of Otmar Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (2017): right from one value to very many without
 * tables of corrections.
 */
static double sigma(double x)
{
    double y = 1, z = x, before;

    if (x >= 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;

    if (x <= 0 || x >= 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z < before);
    return z / 3;
}

double hll_count(const struct hll *hll)
{
    unsigned longest = 64 - hll->bits, size = 1u << hll->bits;
    uint32_t having[66] = {0}; /* how many registers have each rank */
    double m = size, z;

    for (unsigned i = 0; i < size; i++)
        having[hll->registers[i]]++;
    z = m * tau(1 - having[longest + 1] / m);
    for (unsigned rank = longest; rank >= 1; rank--)
        z = 0.5 * (z + having[rank]);
    z += m * sigma(having[0] / m);
    return m * m / (2 * M_LN2 * z);
}
