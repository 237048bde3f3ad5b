#ifndef STREAM_HUB_H
#define STREAM_HUB_H

#include "event.h"
#include "subscriber.h"

/*
 * Who hears of what: a channel for each job, batch and owner that someone
 * listens to, and one for all jobs. Only subscribers that are up to date with
 * the tail are in it.
 */
struct hub *hub_new(void *mem);

void hub_join(struct hub *hub, struct subscriber *sub);
void hub_leave(struct hub *hub, struct subscriber *sub);

/* Whether nobody listens at all. */
bool hub_empty(const struct hub *hub);

/* Whether anyone listens to the job, its batch, its owner, or all. */
bool hub_wants(const struct hub *hub, const struct event *event);

/*
 * Send an event to all who listen and do not have it yet. It is one of those
 * that `within` sees and `before` does not; all that `before` sees has been
 * published.
 */
void hub_publish(struct hub *hub, const struct event *event,
                 const struct snapshot *before, const struct snapshot *within);

#endif
