#ifndef JOB_CONNECTION_H
#define JOB_CONNECTION_H

#include "db.h"
#include "seal.h"

#define CONNECTION_LIST_MOST 1000 /* rows in one page */

/*
 * A database that an owner's jobs may work on. NULL and 0 mean that there is
 * none; times are ms since the epoch.
 */
struct connection {
    const char *id, *owner, *name;
    const char *kind; /* postgresql or mysql */
    const char *host;
    int32_t port;
    const char *database, *user;
    const char *ssl_mode; /* one of connection_ssl_modes; NULL: as it comes */
    const char *ca_certificate; /* PEM */
    const char *sealed;         /* the password; NULL: there is none */
    const char *server_version;
    int64_t tested_at, created_at, updated_at;
    const char *trained_by; /* the job that has read its schema */
    int64_t trained_at;
    const char *counts; /* of it, JSON */
};

/* What is known of a schema. `file`: the artifact of the job that has all of
 * it, where it is too large for a result. */
struct schema_cache {
    const char *job;
    int32_t attempt;
    int64_t trained_at;
    const char *result, *file;
};

/* disable, prefer, require, verify-ca, verify-full, NULL. */
extern const char *const connection_ssl_modes[];

/* A page of connections by owner and name on `mem`, those behind (after_owner,
 * after_name) where these are not NULL. Owner NULL is everybody's. */
bool connection_list(struct db *db, void *mem, const char *owner,
                     const char *after_owner, const char *after_name, int limit,
                     struct connection **ret, int *ret_count,
                     struct error *err) MUST_CHECK;

/* One of them by its id or name; ERROR_NOT_FOUND connection_not_found. */
bool connection_find(struct db *db, void *mem, const char *owner,
                     const char *id_or_name, struct connection *ret,
                     struct error *err) MUST_CHECK;

/* The row of a result with the columns of connection_find. */
bool connection_row(const struct db_result *rows, int row,
                    struct connection *ret, struct error *err) MUST_CHECK;

/* Create it, or change the one of its id; ERROR_CONFLICT connection_exists
 * where the owner has another of that name, ERROR_NOT_FOUND
 * connection_not_found where the one to change has gone. */
bool connection_put(struct db *db, const struct connection *connection,
                    bool is_new, bool tested, struct error *err) MUST_CHECK;

bool connection_tested(struct db *db, const char *id, const char *version,
                       struct error *err) MUST_CHECK;

bool connection_delete(struct db *db, const char *id,
                       struct error *err) MUST_CHECK;

/* ERROR_NOT_FOUND not_cached. */
bool schema_cache_get(struct db *db, void *mem, const char *id,
                      struct schema_cache *ret, struct error *err) MUST_CHECK;
bool schema_cache_delete(struct db *db, const char *id,
                         struct error *err) MUST_CHECK;

/*
 * A password is sealed for one connection and server: another's row, or one
 * that leads elsewhere now, does not open it.
 */
char *connection_seal(void *mem, const struct seal_key *key,
                      const struct connection *connection,
                      const char *password);

/* What a program is told of a connection, JSON on `mem`: {"id", "name", "kind",
 * "host", "port", "database", "user", "password", "sslMode", "options":
 * {"caFile"}}; without what is NULL. */
char *connection_text(void *mem, const struct connection *connection,
                      const char *password, const char *ca_file);

/* ERROR_UNAVAILABLE sealed_connection where the key does not fit. *ret is NULL
 * where there is no password. */
bool connection_unseal(void *mem, const struct seal_key *key,
                       const struct connection *connection, char **ret,
                       struct error *err) MUST_CHECK;

#endif
