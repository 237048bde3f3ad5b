#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include "table.h"

/* What there is to see at once; what could not be had is NULL. */
struct top {
    const char *place;   /* who was asked */
    const char *problem; /* why something is missing, or NULL */
    const json_t *stats; /* the answers of the API */
    const json_t *queues, *workers, *jobs;
};

/* A picture of it: for a terminal no higher and no wider than that. On `mem`.
 */
char *top_view(void *mem, const struct look *look, const struct top *top);

#endif
