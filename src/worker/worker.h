#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "attempt.h"
#include "chore.h"
#include "conf.h"
#include "dba.h"
#include "lane.h"
#include "queues.h"
#include "report.h"
#include "uuid.h"

/*
 * millrace-worker: one event loop. What happens in it marks what is to be done
 * and asks for a turn; the turn, after the events of one pass, sends
 * statements, starts jobs and looks whether a stop is complete. So work that
 * comes in one go is done in one go: a thousand results are one statement.
 *
 *   claim.c      asks for jobs, with the heartbeat     (connection `asking`)
 *   attempt.c    a claimed job, from the claim until its end is recorded
 *   program.c    runs it in a process of its own
 *   process.c    or gives it to a warm one
 *   push.c       or sends it to a web server
 *   recorder.c   records ends, progress and log lines  (connection `telling`)
 *   drain.c      stops all this in good order
 *   purge.c      removes what has expired                (one of its own)
 */
#define WORKER_SIGNALS 4

enum worker_phase {
    WORKER_BEGINNING, /* its row in the database is not known to be there */
    WORKER_RUNNING,
};

struct worker {
    const struct conf *conf;
    struct event_base *base;
    struct dba *asking, *telling;
    enum worker_phase phase;
    bool draining;      /* takes no more jobs */
    bool abandoned;     /* left with work in hand: a thread may never end */
    char id[UUID_TEXT]; /* a new one each time that it begins */
    char report_key[REPORT_KEY]; /* too: web servers' tokens are made with it */
    const char *host;
    struct queues queues;

    struct job_types types; /* as they were read last */
    const char *type_names; /* array text */
    struct lane_list lanes;
    struct attempt_list attempts; /* all that are not recorded */
    int programs;   /* claimed for programs and not ended: slots used */
    bool held_back; /* free slots are reserved, and others may want them */
    int unrecorded; /* ended, but not recorded */
    size_t unrecorded_bytes;
    int64_t payload_bytes; /* of a job, on average over the last claim */

    struct claimer *claimer;
    struct recorder *recorder;
    struct drain *drain;
    struct purge *purge;
    struct chores *chores;
    struct chores *lookups; /* those that may wait long for a name server */
    struct event *turn, *again, *watchdog;
    struct event *signals[WORKER_SIGNALS];
    unsigned discarded; /* numbers the work folders that are being removed */
};

/*
 * Connects, and begins when the database answers. The lock on the worker's name
 * is held already; `queues` were read from the settings.
 */
struct worker *worker_new(void *mem, const struct conf *conf,
                          const struct queues *queues, struct event_base *base,
                          struct error *err);

/* Ask for a turn when the present events are done with. */
void worker_turn_soon(struct worker *worker);

/* It was taken for dead: what it ran is no longer its own. */
void worker_lost(struct worker *worker);

/* The milliseconds of an event's timer. */
struct timeval timeval_of_ms(int64_t ms);

#endif
