#ifndef WORKER_QUEUES_H
#define WORKER_QUEUES_H

#include "error.h"

#include <stdint.h>

/*
 * The queues that a worker serves, from MILLRACE_QUEUES: "mail=2,default" keeps
 * two of its slots for programs of the queue mail alone, which may have more
 * where more are free.
 */
struct reserve {
    const char *queue;
    int count;   /* slots; at least 1 */
    int running; /* programs of that queue, whatever slot they have */
};

struct queues {
    const char *names;    /* array text; NULL is all */
    const char *reserves; /* array text, one for each name; NULL as well */
    struct reserve *list;
    int count;
};

/* On `mem`. ERROR_INVALID where the text is no list of queues, or reserves more
 * than the slots that there are. */
bool queues_read(void *mem, const char *text, int64_t slots, struct queues *ret,
                 struct error *err) MUST_CHECK;

/* The reserve of a queue; NULL where it has none. */
struct reserve *queues_reserve(const struct queues *queues, const char *queue);

/* How many slots of a reserve are not in use. */
int reserve_unfilled(const struct reserve *reserve);

#endif
