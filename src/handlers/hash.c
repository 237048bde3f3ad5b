#include "hash.h"

#include <string.h>

#define ODD_1 UINT64_C(0x9E3779B97F4A7C15)
#define ODD_2 UINT64_C(0xD6E8FEB86659FD93)
#define ODD_3 UINT64_C(0xBF58476D1CE4E5B9)
#define ODD_4 UINT64_C(0x94D049BB133111EB)

/* Both halves of the 128-bit product: every input bit reaches every output. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to eight bytes as a number. */
static uint64_t load(const char *p, size_t len)
{
    uint64_t word = 0;

    memcpy(&word, p, len);
    return word;
}

uint64_t hash_bytes(const char *text, size_t len, uint64_t seed)
{
    uint64_t hash = seed ^ fold(len ^ ODD_1, ODD_2);

    for (; len > 8; text += 8, len -= 8)
        hash = fold(load(text, 8) ^ ODD_3, hash ^ ODD_1);
    hash = fold(load(text, len) ^ ODD_4, hash ^ ODD_2);
    return fold(hash, ODD_1);
}

uint64_t hash_random(uint64_t *state)
{
    uint64_t z = (*state += ODD_1);

    z = (z ^ (z >> 30)) * ODD_3;
    z = (z ^ (z >> 27)) * ODD_4;
    return z ^ (z >> 31);
}
