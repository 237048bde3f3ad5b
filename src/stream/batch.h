#ifndef STREAM_BATCH_H
#define STREAM_BATCH_H

#include "hub.h"

/* Events that were read together and that someone listens to. */
struct batch {
    struct event *events;
    int count;
    int rows;         /* as many were read */
    int64_t last_seq; /* of all that were read */
    struct event **finals;
    int final_count; /* those that need an outcome */
};

/* Take the rows of event_look. */
struct batch *batch_read(void *mem, struct db_result *rows,
                         const struct hub *hub);

/* Ask for the outcomes of those that are final... */
void batch_ask(struct batch *batch, struct dba *dba, dba_fn *done, void *arg);

/* ...and take them. */
void batch_take_outcomes(struct batch *batch, struct db_result *rows);

#endif
