#ifndef WORKER_FACTS_H
#define WORKER_FACTS_H

#include "attempt.h"

/*
 * What is known of an attempt beside its result or error: how its process
 * ended, what that took, and its last words. For most jobs of warm processes
 * that is nothing, and costs nothing.
 */
struct facts;

/* A line of its stderr. */
void facts_line(struct attempt *attempt, const char *line, size_t len);

/* The last one that is not blank; NULL: none. */
const char *facts_last_line(const struct attempt *attempt);

/* The end of its own process, or of the warm one that had it. */
void facts_of_program(struct attempt *attempt,
                      const struct guard_report *report);
void facts_of_death(struct attempt *attempt, const struct guard_report *report);

/* As the database takes them, on `attempt`, which ends in this state; NULL
 * where there are none. */
const char *facts_text(struct attempt *attempt, const char *state);

#endif
