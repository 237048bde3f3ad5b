#ifndef API_SCHEDULE_WRITE_H
#define API_SCHEDULE_WRITE_H

#include "http.h"
#include "schedule.h"

/* Add the members of a schedule to the object that is begun. */
void schedule_write(struct json_out *out, void *mem,
                    const struct schedule *schedule);

/* Answer with the owner's schedule of that name. */
bool schedule_send(struct request *req, struct response *res, int status,
                   struct db *db, const char *owner, const char *name,
                   struct error *err) MUST_CHECK;

/* Wake the workers: there is a job, or an earlier time to know. */
void schedule_ring(const struct request *req);

#endif
