#ifndef JOB_MANY_H
#define JOB_MANY_H

#include "db.h"

#define MANY_MOST 10000 /* jobs in one call */

/*
 * Do something (cancel, retry, discard) to the jobs that a filter names: see
 * millrace.matching for its form; `owner` NULL: anyone's. In steps, each in a
 * transaction of its own that holds nobody up for long; `on_step` is called
 * after each. *ret_changed says to how many it was done, at most `limit`, and
 * *ret_more whether there are more, also where a later step has failed.
 */
struct many {
    const char *action, *filter, *owner;
    int limit;
    void (*on_step)(void *arg);
    void *arg;
};
bool job_many(struct db *db, const struct many *many, int *ret_changed,
              bool *ret_more, struct error *err) MUST_CHECK;

#endif
