/* Why a handler fails, and what that means for the job. */
#ifndef HANDLERS_FAULT_H
#define HANDLERS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit codes that say more than "this attempt failed". */
enum fault_status {
    FAULT_NONE = 0,
    FAULT_USAGE = 64,    /* the payload is wrong: fails for good */
    FAULT_DATA = 65,     /* the input is wrong: fails for good */
    FAULT_NO_INPUT = 66, /* the input is not there: fails for good */
    FAULT_RETRY = 75,    /* the machine is in trouble: worth another attempt */
};

/* Lives on the caller's stack; failing never allocates. */
struct fault {
    enum fault_status status;
    const char *code; /* a literal, for programs; text is for people */
    char text[400];
    uint64_t row, line, column; /* the place in the input; 0 is unknown */
};

/* Fill *ret and return false, so that a failing branch is one statement. */
bool fault_set(struct fault *ret, enum fault_status status, const char *code,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
