#ifndef WORKER_QUEUE_H
#define WORKER_QUEUE_H

#include <sys/queue.h>

/* Loops that may take the present element out; glibc lacks them. */
#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, tvar)                             \
    for ((var) = TAILQ_FIRST(head);                                            \
         (var) && ((tvar) = TAILQ_NEXT(var, field), 1); (var) = (tvar))
#endif

#ifndef STAILQ_FOREACH_SAFE
#define STAILQ_FOREACH_SAFE(var, head, field, tvar)                            \
    for ((var) = STAILQ_FIRST(head);                                           \
         (var) && ((tvar) = STAILQ_NEXT(var, field), 1); (var) = (tvar))
#endif

#endif
