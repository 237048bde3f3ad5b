#ifndef WORKER_RESULT_H
#define WORKER_RESULT_H

#include "run.h"

/* The most that a job may give as its result, in bytes. */
#define RESULT_MAX RUN_RESULT

#define RESULT_TOO_LARGE                                                       \
    {                                                                          \
        .code = "result_too_large",                                            \
        .message = "the result is larger than 1 MB; write a file instead",     \
        .final = true                                                          \
    }

/*
 * What a program has written to stdout, as JSON, on `mem`: the text itself
 * where it is JSON, else as a string, without the line feed at its end. NULL
 * where it has written nothing.
 */
char *result_of_output(void *mem, const char *data, size_t len);

#endif
