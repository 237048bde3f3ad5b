#ifndef API_PREFER_H
#define API_PREFER_H

#include "http.h"

/* "wait=auto": as long as makes sense for jobs of the type. */
#define PREFER_AUTO (-1)

/* The seconds of "Prefer: wait=N" (RFC 7240), PREFER_AUTO, 0 where there is
 * none. */
int64_t prefer_seconds(const char *prefer);

/*
 * Wait for a job's end as long as the request prefers and the settings allow.
 * True when it has ended; the response then says that it was waited for. The
 * request's database connection is given back meanwhile.
 *
 * "auto" looks at how long the runs of the type have taken (job_run_time):
 * where they take longer than half a second nobody waits, else, and where
 * nothing is known, for a second.
 */
bool prefer_wait(struct request *req, struct response *res, const char *id);

/* The same for another preference than the request's; NULL is none. */
bool prefer_wait_as(struct request *req, struct response *res,
                    const char *prefer, const char *id);

#endif
