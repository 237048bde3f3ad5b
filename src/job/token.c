#include "token.h"

#include "queries.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define ID_LEN       12
#define SECRET_BYTES 32
#define SECRET_LEN   43 /* of 32 bytes in base64url without padding */
#define HASH_TEXT    (2 * crypto_hash_sha256_BYTES + 1)
#define MAX_OWNER    100 /* characters, as the table has it */

static const char id_chars[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char secret_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;

static void sodium_start(void)
{
    if (sodium_init() < 0)
        abort();
}

/* 256 random bits as text: the secret of a token, or a session's cookie. */
static void secret_new(char ret[SECRET_LEN + 1])
{
    unsigned char bytes[SECRET_BYTES];

    pthread_once(&sodium_once, sodium_start);
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(ret, SECRET_LEN + 1, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));
}

static void id_new(char ret[ID_LEN + 1])
{
    pthread_once(&sodium_once, sodium_start);
    for (int i = 0; i < ID_LEN; i++)
        ret[i] = id_chars[randombytes_uniform(sizeof(id_chars) - 1)];
    ret[ID_LEN] = '\0';
}

/* The SHA-256 of a text, in hex. */
static void hash_text(const char *text, char ret[HASH_TEXT])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(ret, HASH_TEXT, hash, sizeof(hash));
}

static bool is_secret(const char *text)
{
    return strlen(text) == SECRET_LEN &&
           strspn(text, secret_chars) == SECRET_LEN;
}

/* Take "mr_<id>_<secret>" apart. The secret may hold '_' itself, so the places
 * are fixed. */
static bool split(const char *text, char ret_id[ID_LEN + 1],
                  const char **ret_secret)
{
    if (strncmp(text, "mr_", 3) != 0 || strspn(text + 3, id_chars) != ID_LEN ||
        text[3 + ID_LEN] != '_' || !is_secret(text + 3 + ID_LEN + 1))
        return false;
    memcpy(ret_id, text + 3, ID_LEN);
    ret_id[ID_LEN] = '\0';
    *ret_secret = text + 3 + ID_LEN + 1;
    return true;
}

/* The table has the same rule; here it has words. */
/* A name becomes part of a path on the way to its event stream, and nginx takes
 * no path with "..". */
static bool has_parent_segment(const char *owner)
{
    for (const char *at = strstr(owner, ".."); at; at = strstr(at + 1, ".."))
        if ((at == owner || at[-1] == '/') && (!at[2] || at[2] == '/'))
            return true;
    return false;
}

static bool check_owner(const char *owner, struct error *err)
{
    size_t chars = 0;

    for (const char *at = owner; *at; at++) {
        unsigned char c = (unsigned char)*at;

        if (c < ' ' || c == 0x7f)
            return error_set(err, ERROR_INVALID, "invalid_user",
                             "a user's name has no control characters");
        chars += (c & 0xC0) != 0x80;
    }
    if (has_parent_segment(owner))
        return error_set(err, ERROR_INVALID, "invalid_user",
                         "a user's name has no \"..\" between slashes");
    if (chars < 1 || chars > MAX_OWNER)
        return error_set(err, ERROR_INVALID, "invalid_user",
                         "a user's name has 1 to %d characters", MAX_OWNER);
    return true;
}

bool token_create(struct db *db, const char *owner, enum token_role role,
                  const char *note, char ret[TOKEN_TEXT], struct error *err)
{
    const char *role_name = role == ROLE_ADMIN ? "admin" : "user";
    char id[ID_LEN + 1], secret[SECRET_LEN + 1], hash[HASH_TEXT];

    if (!check_owner(owner, err))
        return false;
    id_new(id);
    secret_new(secret);
    hash_text(secret, hash);
    if (!db_exec(db, SQL_TOKEN_ADD,
                 DB_ARGS(id, hash, owner, role_name, note ? note : ""), NULL,
                 err))
        return false;
    snprintf(ret, TOKEN_TEXT, "mr_%s_%s", id, secret);
    return true;
}

struct found {
    const char *id, *secret_hash, *owner, *role;
};

static const struct db_column found_columns[] = {
    DB_COLUMN(struct found, id),
    DB_COLUMN(struct found, secret_hash),
    DB_COLUMN(struct found, owner),
    DB_COLUMN(struct found, role),
    {0},
};

/* Ask for the one token that a key (its id, or a session's hash) leads to; its
 * text lives as long as `mem`. *ret_found is false where there is none. */
static bool find(struct db *db, void *mem, const char *sql, const char *key,
                 struct found *ret, bool *ret_found, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, sql, DB_ARGS(key), &rows, err))
        return false;
    *ret_found = db_count(rows) > 0;
    return !*ret_found || db_row(rows, 0, found_columns, ret, err);
}

static struct caller caller_of(const struct found *found)
{
    return (struct caller){
        .token_id = found->id,
        .owner = found->owner,
        .role = !strcmp(found->role, "admin") ? ROLE_ADMIN : ROLE_USER,
    };
}

/* One answer for all: it does not tell which tokens there are. */
static bool deny_token(struct error *err)
{
    return error_set(err, ERROR_DENIED, "invalid_token",
                     "the token is wrong, unknown or revoked");
}

bool token_check(struct db *db, void *mem, const char *text, struct caller *ret,
                 struct error *err)
{
    char id[ID_LEN + 1], hash[HASH_TEXT];
    const char *secret;
    struct found found;
    bool is_there;

    if (!split(text, id, &secret))
        return deny_token(err);
    if (!find(db, mem, SQL_TOKEN_FIND, id, &found, &is_there, err))
        return false;
    hash_text(secret, hash);
    if (!is_there || strlen(found.secret_hash) != strlen(hash) ||
        sodium_memcmp(found.secret_hash, hash, strlen(hash)) != 0)
        return deny_token(err);
    *ret = caller_of(&found);
    return true;
}

bool token_revoke(struct db *db, const char *id, struct error *err)
{
    int64_t changed;

    if (!db_exec(db, SQL_TOKEN_REVOKE, DB_ARGS(id), &changed, err))
        return false;
    if (changed == 0)
        return error_set(err, ERROR_NOT_FOUND, "token_not_found",
                         "there is no token \"%.40s\"", id);
    return true;
}

static const struct db_column row_columns[] = {
    DB_COLUMN(struct token_row, id),
    DB_COLUMN(struct token_row, owner),
    DB_COLUMN(struct token_row, role),
    DB_COLUMN(struct token_row, note),
    DB_COLUMN(struct token_row, created_at),
    DB_COLUMN(struct token_row, revoked_at),
    {0},
};

bool token_list(struct db *db, void *mem, struct token_row **ret,
                int *ret_count, struct error *err)
{
    struct db_result *rows;
    struct token_row *list;
    int count;

    if (!db_query(db, mem, SQL_TOKEN_LIST, DB_NO_ARGS, &rows, err))
        return false;
    count = db_count(rows);
    list = talloc_zero_array(mem, struct token_row, (unsigned)count);
    for (int i = 0; i < count; i++)
        if (!db_row(rows, i, row_columns, &list[i], err))
            return false;
    *ret = list;
    *ret_count = count;
    return true;
}

bool session_create(struct db *db, const char *token_id, int64_t ttl_ms,
                    char ret[TOKEN_TEXT], struct error *err)
{
    char cookie[SECRET_LEN + 1], hash[HASH_TEXT], ttl[24];
    int64_t added;

    secret_new(cookie);
    hash_text(cookie, hash);
    snprintf(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    if (!db_exec(db, SQL_SESSION_ADD, DB_ARGS(hash, token_id, ttl), &added,
                 err))
        return false;
    if (added == 0)
        return deny_token(err);
    memcpy(ret, cookie, sizeof(cookie));
    return true;
}

static bool deny_session(struct error *err)
{
    return error_set(err, ERROR_DENIED, "invalid_session",
                     "the session has ended or never was: sign in again");
}

bool session_check(struct db *db, void *mem, const char *cookie,
                   struct caller *ret, struct error *err)
{
    char hash[HASH_TEXT];
    struct found found;
    bool is_there;

    if (!is_secret(cookie))
        return deny_session(err);
    hash_text(cookie, hash);
    if (!find(db, mem, SQL_SESSION_FIND, hash, &found, &is_there, err))
        return false;
    if (!is_there)
        return deny_session(err);
    *ret = caller_of(&found);
    return true;
}

bool session_end(struct db *db, const char *cookie, struct error *err)
{
    char hash[HASH_TEXT];

    hash_text(cookie, hash);
    return db_exec(db, SQL_SESSION_END, DB_ARGS(hash), NULL, err);
}
