/*
 * Find members of a JSON object without building it: a pass over the bytes
 * that says where each wanted value begins and ends. It trusts that the text
 * is JSON (the sender made it with a JSON library) but never leaves it.
 */
#ifndef HANDLERS_SKIM_H
#define HANDLERS_SKIM_H

#include <stdbool.h>
#include <stddef.h>

struct skim_member {
    const char *name;
    const char *value; /* out: its first byte, NULL if it is not there */
    size_t len;
};

/* False if text is not an object. Names with escapes are not recognised. */
bool skim(const char *text, size_t len, struct skim_member *members,
          size_t count);

#endif
