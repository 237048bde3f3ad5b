#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "error.h"

/*
 * Texts at rest that only the holder of a key can read: sealed with
 * XChaCha20-Poly1305 of libsodium, a fresh nonce each. A sealed text is bound
 * to what it belongs to: `bound`, a list of texts that ends with NULL, is not
 * in it, but has to be the same for it to be opened.
 */
#define SEAL_KEY 32

struct seal_key {
    unsigned char bytes[SEAL_KEY];
};

/*
 * Read a key: a regular file of 64 hex digits that nobody but its owner can
 * change, and nobody else but its group can read. ERROR_UNAVAILABLE: no_key
 * where there is none, invalid_key where it is not one.
 */
bool seal_key_read(const char *path, struct seal_key *ret,
                   struct error *err) MUST_CHECK;

/* A new one, in a file that is not there yet (ERROR_CONFLICT key_exists). */
bool seal_key_make(const char *path, struct error *err) MUST_CHECK;

void seal_key_wipe(struct seal_key *key);

/* Sealed, in hex, on `mem`. */
char *seal_text(void *mem, const struct seal_key *key, const char *text,
                const char *const *bound);

/* Opened, on `mem`, and wiped when it is freed; false where it was sealed with
 * another key, or is bound to something else, or was changed. */
bool unseal_text(void *mem, const struct seal_key *key, const char *sealed,
                 const char *const *bound, char **ret) MUST_CHECK;

#endif
