#ifndef JOB_SCHEMA_H
#define JOB_SCHEMA_H

#include "db.h"

/* The version that this program was built for: that of its newest migration. */
int schema_version(void);

/*
 * Bring the database to schema_version(), each migration in a transaction of
 * its own. Runners at the same time wait for each other. `on_step` (may be
 * NULL) hears of each migration that was applied. A database that is newer than
 * this program is refused: ERROR_CONFLICT, schema_newer.
 */
bool schema_migrate(struct db *db, void (*on_step)(int version, const char *name, void *arg),
                    void *arg, struct error *err) MUST_CHECK;

/* Whether the database fits this program: ERROR_CONFLICT, schema_older or
 * schema_newer, with what to do in the text. */
bool schema_check(struct db *db, struct error *err) MUST_CHECK;

/* For a daemon's start: wait until the database answers (logging through
 * on_wait once when it does not), then schema_check. `stop` may end the wait. */
bool schema_wait(const char *url, void (*on_wait)(const struct error *why),
                 bool (*stop)(void), struct error *err) MUST_CHECK;

#endif
