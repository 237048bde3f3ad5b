#ifndef WORKER_PROCESS_PRIVATE_H
#define WORKER_PROCESS_PRIVATE_H

#include "lines.h"
#include "process.h"

#include <event2/event.h>

/* What the two files of a warm process share. */
struct process {
    TAILQ_ENTRY(process) next; /* in its pool */
    struct pool *pool;
    struct worker *worker;
    char *workdir;
    struct child *child;
    struct sink *in;
    struct source *out, *err;
    struct lines answers, log;
    struct attempt_list flight; /* its jobs, the oldest first */
    int load;                   /* how many they are */
    int64_t sent;               /* jobs so far */
    int64_t started_ms;
    bool proven; /* it has answered once */
    bool unflushed;
    bool closed;           /* it gets no more jobs */
    bool leaving;          /* it was told that it may go */
    bool condemned;        /* we end it, for one of its jobs */
    struct event *overdue; /* it was asked to leave, and has not */
};

/* A line of its stdout; `arg` is the process. */
void process_answer(const char *line, size_t len, bool cut, void *arg);

/* It has answered for a job, whose attempt is gone now. */
void process_landed(struct process *process);

#endif
