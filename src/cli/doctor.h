#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli.h"

/* What was found out about one thing, and what to do about it. */
enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct finding {
    enum verdict verdict;
    const char *what;    /* "database", "worker" */
    const char *message; /* how it is */
    const char *remedy;  /* what to do, or NULL */
};

struct doctor {
    void *mem;
    struct conf conf;
    const char *file;        /* of the settings, or NULL for the usual one */
    const char *url, *token; /* of the API; "" where it is not known */
    int64_t old_ms; /* a transaction open for longer is found fault with */
    struct finding *list;
    unsigned count;
};

/* Note a finding. The text ends without a full stop. */
void doctor_note(struct doctor *doctor, enum verdict verdict, const char *what,
                 const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The parts of the examination. Each notes what it finds; none fails. */
void doctor_database(struct doctor *doctor);
void doctor_host(struct doctor *doctor);
void doctor_types(struct doctor *doctor);
void doctor_web(struct doctor *doctor);

/* Within doctor_database, once the schema fits. */
void doctor_horizon(struct doctor *doctor, struct db *db);

/* There too: whether saved passwords can be opened, if there are any. */
void doctor_key(struct doctor *doctor, struct db *db);

/* Within doctor_types: whether those that ask for a sandbox can have it. */
struct job_types;
void doctor_sandbox(struct doctor *doctor, const struct job_types *types);

/* How bad it is that so much of a disk is free. */
enum verdict doctor_disk(int64_t free_bytes, int64_t all_bytes);

#endif
