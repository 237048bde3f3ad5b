#ifndef API_COMMITTER_H
#define API_COMMITTER_H

#include "enqueue.h"

/*
 * One thread with a connection of its own that stores what requests post:
 * whatever has arrived while the last commit was under way, or arrives right
 * after it, goes into the next one. A call that the database refuses is halved
 * until the bad posting is alone, so that it harms only itself. Safe to call
 * from several threads.
 */
struct committer;

bool committer_start(void *mem, const char *url, const char *run_dir,
                     struct committer **ret, struct error *err) MUST_CHECK;

/* Returns when the posting (of one job) is stored for good or known, or is
 * refused. After ERROR_UNAVAILABLE it may have been stored or not. */
bool committer_store(struct committer *committer, struct posting *posting,
                     struct error *err) MUST_CHECK;

/* Whether it has been busy with one call for so long that nothing more should
 * be handed over: the database does not answer. */
#define COMMITTER_STUCK_MS 10000
bool committer_is_stuck(struct committer *committer);

/* End the thread once all that was handed over is settled. */
void committer_stop(struct committer *committer);

#endif
