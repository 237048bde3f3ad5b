#ifndef HANDLERS_HASH_H
#define HANDLERS_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A well-mixed 64-bit hash; not against an attacker who knows the seed. */
uint64_t hash_bytes(const char *text, size_t len, uint64_t seed);

/* The next number of a sequence that *state carries (splitmix64). */
uint64_t hash_random(uint64_t *state);

#endif
