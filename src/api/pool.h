#ifndef API_POOL_H
#define API_POOL_H

#include "db.h"

/*
 * The database connections that requests share. They are opened when first
 * needed and reopened by themselves. Safe to call from several threads.
 */
struct pool;

struct pool *pool_new(void *mem, const char *url, int size);

/* A connection like those of the pool, of one's own: no statement may keep the
 * API for more than 30 s. */
bool pool_open(void *mem, const char *url, struct db **ret,
               struct error *err) MUST_CHECK;

/* Borrow a connection; waits for one at most two seconds, then it is
 * ERROR_UNAVAILABLE overloaded. Each is given back. */
bool pool_take(struct pool *pool, struct db **ret,
               struct error *err) MUST_CHECK;
void pool_give(struct pool *pool, struct db *db);

/* Give up its place instead: the connection is closed. */
void pool_drop(struct pool *pool, struct db *db);

#endif
