#ifndef JOB_SNAPSHOT_H
#define JOB_SNAPSHOT_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What a look at the event log could see, as PostgreSQL's pg_snapshot: the
 * transactions that had been committed. Of two snapshots of one server the
 * newer one sees all that the older one sees.
 */
struct snapshot {
    const char *text;    /* "xmin:xmax:xip,xip", as it was read */
    uint64_t xmin, xmax; /* all below xmin had ended, none from xmax on */
    size_t count;
    uint64_t xip[]; /* those between that had not ended, rising */
};

/* Read a snapshot that ends at `end`; it lives on `mem`. Failing is
 * ERROR_INVALID, invalid_snapshot. */
bool snapshot_parse(void *mem, const char *text, const char *end,
                    struct snapshot **ret, struct error *err) MUST_CHECK;

struct snapshot *snapshot_copy(void *mem, const struct snapshot *snapshot);

/* Whether what the transaction wrote could be seen, if it committed. */
bool snapshot_sees(const struct snapshot *snapshot, uint64_t xid);

/* Whether a was taken after b and may see more. */
bool snapshot_newer(const struct snapshot *a, const struct snapshot *b);

#endif
