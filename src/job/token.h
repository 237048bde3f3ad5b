#ifndef JOB_TOKEN_H
#define JOB_TOKEN_H

#include "db.h"

#define TOKEN_TEXT 64  /* "mr_<id>_<secret>" and the end: 3 + 12 + 1 + 43 + 1 */

enum token_role { ROLE_USER, ROLE_ADMIN };

/* Who asks: found by a token or by a session's cookie. */
struct caller {
    const char *token_id;
    const char *owner;
    enum token_role role;
};

/*
 * Make a token. Its text is given back only here; the database keeps the
 * SHA-256 of the secret (32 random bytes, so no slow hash is needed).
 */
bool token_create(struct db *db, const char *owner, enum token_role role,
                  const char *note, char ret[TOKEN_TEXT],
                  struct error *err) MUST_CHECK;

/* Who a token's text stands for, on `mem`. Wrong, unknown and revoked ones are
 * all ERROR_DENIED invalid_token. Compares in constant time. */
bool token_check(struct db *db, void *mem, const char *text,
                 struct caller *ret, struct error *err) MUST_CHECK;

/* Revoke by id; its sessions go with it. ERROR_NOT_FOUND token_not_found. */
bool token_revoke(struct db *db, const char *id, struct error *err) MUST_CHECK;

struct token_row {
    const char *id, *owner, *role, *note;
    int64_t created_at, revoked_at; /* ms; 0: not revoked */
};
/* All tokens, oldest first, on `mem`. */
bool token_list(struct db *db, void *mem, struct token_row **ret, int *ret_count,
                struct error *err) MUST_CHECK;

/* A session for a token that was checked: the cookie's value into `ret`. */
bool session_create(struct db *db, const char *token_id, int64_t ttl_ms,
                    char ret[TOKEN_TEXT], struct error *err) MUST_CHECK;
bool session_check(struct db *db, void *mem, const char *cookie,
                   struct caller *ret, struct error *err) MUST_CHECK;
bool session_end(struct db *db, const char *cookie, struct error *err) MUST_CHECK;

#endif
