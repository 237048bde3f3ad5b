#ifndef WORKER_ATTEMPT_H
#define WORKER_ATTEMPT_H

#include "guard.h"
#include "json.h"
#include "queue.h"
#include "run.h"
#include "uuid.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct facts;
struct lane;
struct reserve;
struct secrets;
struct worker;

/* Where an attempt is on its way. */
enum attempt_stage {
    ATTEMPT_PREPARING, /* its input is being fetched and laid out */
    ATTEMPT_QUEUED,    /* in its lane's queue */
    ATTEMPT_RUNNING,
    ATTEMPT_GATHERING, /* its artifacts are being stored */
    ATTEMPT_ENDED,     /* until that is recorded */
};

/* Why it is stopped before its own end; a later reason does not replace an
 * earlier one, but for STOP_LOST. */
enum attempt_stop {
    STOP_NONE,
    STOP_TIMEOUT,
    STOP_HEARTBEAT, /* it has said nothing for too long */
    STOP_CANCEL,
    STOP_GIVE_BACK, /* it runs again elsewhere, at no cost */
    STOP_LOST,      /* it is no longer ours: nothing is recorded */
};

/* What went wrong, as the job's error will say it. */
struct failure {
    const char *code, *message;
    json_t *details;        /* borrowed; NULL: none */
    bool final;             /* more attempts would be in vain */
    bool keeps_artifacts;   /* if it ends the job */
    int64_t retry_after_ms; /* 0: by the job's policy */
};

TAILQ_HEAD(attempt_list, attempt);

/*
 * One attempt at one job, from its claim until its end is recorded. It is a
 * talloc context of its own, freed by the recorder.
 */
struct attempt {
    TAILQ_ENTRY(attempt) all;
    TAILQ_ENTRY(attempt)
    place; /* in a lane's queue, in flight in a process,
              or with the recorder */
    struct worker *worker;
    struct lane *lane;       /* NULL: of one that is only given back */
    struct reserve *reserve; /* of its queue, where it is a program; or NULL */
    char id[UUID_TEXT];
    int number, max_attempts;
    int64_t timeout_ms, heartbeat_ms; /* heartbeat 0: it may be silent */
    const char *retry, *files;        /* as they were claimed; NULL: none */
    bool has_dependencies;
    char *payload;      /* NULL when it has been handed over */
    struct secrets *secrets; /* in its payload and connection; NULL: none */
    char *connection;   /* the saved one that it names; NULL: none */
    char *dependencies; /* for a warm process; NULL: none, or as a file */

    enum attempt_stage stage;
    enum attempt_stop stop;
    struct event timeout, heartbeat;
    int64_t started_ms, ended_ms; /* of the clock that never jumps; 0: never */
    int64_t heard_ms;             /* when it last said something */
    char *workdir;                /* NULL: none was made */
    void *run;                    /* the handler's: struct program or process */

    /* Progress that the database has not heard of yet: in the recorder's list
     * of untold ones while `untold`. */
    TAILQ_ENTRY(attempt) telling;
    bool untold;
    int percent;   /* -1: none */
    char *message; /* NULL: none */
    int64_t told_ms;

    struct facts *facts; /* NULL: none are known */
    int log_lines;       /* so far, and their bytes */
    size_t log_bytes;

    struct run_end end; /* from ATTEMPT_ENDED on, as far as known before */
    bool sent;          /* a try to record it may have gone through */
    bool replaced;      /* the database did not take what it gave */
};

/* Take a claimed run: it goes to its lane's queue, at once or when its files
 * are there. */
void attempt_take(struct worker *worker, const struct run *run);

/* A run that the database holds for this worker, which knows nothing of it:
 * give it back. */
void attempt_return(struct worker *worker, const struct run_name *name);

struct attempt *attempt_by_name(struct worker *worker, const char *id,
                                int number);

/* It runs: note the time, set the timeout, say so. */
void attempt_started(struct attempt *attempt);

/* It has said something, so it is alive. */
void attempt_heard(struct attempt *attempt);

/* It has been silent for so long: it is stopped, or waited for again. */
void attempt_silent(struct attempt *attempt, int64_t silent_ms);

/* Its time limits are over: nothing of its handler runs any more. */
void attempt_drop_timers(struct attempt *attempt);

/* Stop it wherever it is; it ends now or when its handler has ended. */
void attempt_stop(struct attempt *attempt, enum attempt_stop why);

/*
 * The ends. Where a stop was asked for, that is what counts, whatever came
 * after. The attempt must not be used after one of these.
 */
void attempt_complete(struct attempt *attempt, const char *result, size_t len);
void attempt_fail(struct attempt *attempt, const struct failure *failure);
void attempt_give_back(struct attempt *attempt);

/* What they have in common: the recorder gets it, to put its job into a state.
 */
void attempt_hand_over(struct attempt *attempt, const char *state);

/* Its end is now this failure after all: what it gave cannot be stored. */
void attempt_replace(struct attempt *attempt, const char *why);

/* The bytes that its end takes until it is recorded. */
size_t attempt_weight(const struct attempt *attempt);

/* It is recorded, or nobody wants to know; forget it. */
void attempt_free(struct attempt *attempt);

#endif
