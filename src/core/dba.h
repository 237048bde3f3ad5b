#ifndef CORE_DBA_H
#define CORE_DBA_H

#include "db.h"

#include <event2/event.h>

/*
 * A connection to PostgreSQL in an event loop (libevent), for the worker and
 * the stream. Statements are sent one after another in the order they were
 * asked for; each callback runs once, from the loop, never from dba_query.
 * While the server is away the connection is tried again with a backoff
 * (100 ms doubling to 2 s). A statement that was not yet sent waits for the
 * connection; one whose answer was lost fails with ERROR_UNAVAILABLE, since it
 * may or may not have happened: the caller decides.
 */
struct dba;

/*
 * The result of a statement: `rows` is NULL and `err` set where it failed.
 * Both live only during the call, unless the rows are moved with talloc_steal.
 */
typedef void dba_fn(struct db_result *rows, const struct error *err, void *arg);

struct dba *dba_open(void *mem, struct event_base *base, const char *url);

/* Copies args. `sql` must outlive the call (they are constants). */
void dba_query(struct dba *dba, const char *sql, struct db_args args,
               dba_fn *done, void *arg);

/* Statements asked for and not yet answered. */
int dba_pending(const struct dba *dba);

/* Whether the connection is up now. */
bool dba_connected(const struct dba *dba);

/* Called when the connection has come up, first or again, and when it is lost. */
void dba_on_change(struct dba *dba, void (*changed)(bool up, const char *why, void *arg),
                   void *arg);

#endif
