#include "auth.h"
#include "api.h"
#include "clock.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

#define TRUST_MS  2000
#define PLACES    256 /* a power of two */
#define MAX_OWNER 401 /* 100 characters of UTF-8, and the end */
#define MAX_ID    33

enum secret_kind { BEARER = 'b', COOKIE = 'c' };

/* What the database said of one secret. The secret itself is not kept. */
struct known {
    unsigned char digest[crypto_hash_sha256_BYTES];
    int64_t until_ms; /* 0: empty */
    enum token_role role;
    char token_id[MAX_ID];
    char owner[MAX_OWNER];
};

/* A secret has one place, by its digest; who comes later takes it over. */
struct auth {
    pthread_mutex_t lock;
    struct known places[PLACES];
};

struct auth *auth_new(void *mem)
{
    struct auth *auth = talloc_zero(mem, struct auth);

    pthread_mutex_init(&auth->lock, NULL);
    return auth;
}

/* A cookie's value is no bearer token, so the two never meet in the table. */
static void digest_of(enum secret_kind kind, const char *text,
                      unsigned char ret[crypto_hash_sha256_BYTES])
{
    crypto_hash_sha256_state state;
    unsigned char first = (unsigned char)kind;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &first, 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)text,
                              strlen(text));
    crypto_hash_sha256_final(&state, ret);
}

static struct known *place_of(struct auth *auth, const unsigned char *digest)
{
    return &auth->places[digest[0] & (PLACES - 1)];
}

static bool is_known(const struct known *known, const unsigned char *digest)
{
    return known->until_ms > clock_mono_ms() &&
           !sodium_memcmp(known->digest, digest, sizeof(known->digest));
}

static bool recall(struct auth *auth, const unsigned char *digest, void *mem,
                   struct caller *ret)
{
    const struct known *known = place_of(auth, digest);
    bool found;

    pthread_mutex_lock(&auth->lock);
    found = is_known(known, digest);
    if (found)
        *ret = (struct caller){
            .token_id = talloc_strdup(mem, known->token_id),
            .owner = talloc_strdup(mem, known->owner),
            .role = known->role,
        };
    pthread_mutex_unlock(&auth->lock);
    return found;
}

static void remember(struct auth *auth, const unsigned char *digest,
                     const struct caller *caller)
{
    struct known *known = place_of(auth, digest);
    size_t id_size = strlen(caller->token_id) + 1;
    size_t owner_size = strlen(caller->owner) + 1;

    if (id_size > MAX_ID || owner_size > MAX_OWNER)
        return;
    pthread_mutex_lock(&auth->lock);
    memcpy(known->digest, digest, sizeof(known->digest));
    memcpy(known->token_id, caller->token_id, id_size);
    memcpy(known->owner, caller->owner, owner_size);
    known->role = caller->role;
    known->until_ms = clock_mono_ms() + TRUST_MS;
    pthread_mutex_unlock(&auth->lock);
}

static void forget(struct auth *auth, enum secret_kind kind, const char *text)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct known *known;

    digest_of(kind, text, digest);
    known = place_of(auth, digest);
    pthread_mutex_lock(&auth->lock);
    if (is_known(known, digest))
        known->until_ms = 0;
    pthread_mutex_unlock(&auth->lock);
}

void auth_forget(struct auth *auth, const char *text)
{
    forget(auth, BEARER, text);
    forget(auth, COOKIE, text);
}

const char *auth_bearer(const struct request *req)
{
    const char *text = req->authorization;

    if (!text || strncasecmp(text, "Bearer ", 7) != 0)
        return NULL;
    return text + 7 + strspn(text + 7, " ");
}

const char *auth_cookie(struct request *req)
{
    static const char name[] = AUTH_COOKIE "=";
    const char *at = req->cookie ? req->cookie : "";

    while (*at) {
        at += strspn(at, "; ");
        if (!strncmp(at, name, sizeof(name) - 1)) {
            at += sizeof(name) - 1;
            return talloc_strndup(req, at, strcspn(at, "; "));
        }
        at += strcspn(at, ";");
    }
    return NULL;
}

/* The cookie is SameSite=Strict; this holds where a browser forgets it, and
 * keeps pages of neighbouring hosts out, which count as the same site. */
bool auth_check_site(const struct request *req, struct error *err)
{
    const char *site = req->fetch_site;

    if (!site || !strcmp(req->method, "GET") || !strcmp(site, "same-origin") ||
        !strcmp(site, "none"))
        return true;
    return error_set(err, ERROR_FORBIDDEN, "cross_site",
                     "another site cannot act for a browser's session");
}

static bool ask(struct request *req, enum secret_kind kind, const char *text,
                struct error *err)
{
    struct db *db;

    if (!http_db(req, &db, err))
        return false;
    if (kind == BEARER)
        return token_check(db, req, text, &req->caller, err);
    return session_check(db, req, text, &req->caller, err);
}

bool auth_check(struct request *req, struct error *err)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    const char *text = auth_bearer(req);
    enum secret_kind kind = text ? BEARER : COOKIE;

    if (req->trusted)
        return true;
    if (!text)
        text = auth_cookie(req);
    if (!text)
        return error_set(err, ERROR_DENIED, "missing_token",
                         "send \"Authorization: Bearer mr_...\" or begin a "
                         "session with POST /api/session");
    if (kind == COOKIE && !auth_check_site(req, err))
        return false;

    digest_of(kind, text, digest);
    if (recall(req->api->auth, digest, req, &req->caller))
        return true;
    if (!ask(req, kind, text, err))
        return false;
    remember(req->api->auth, digest, &req->caller);
    return true;
}
