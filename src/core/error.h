#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* What the caller can do about a failure; not where it happened. */
enum error_kind {
    ERROR_NONE,
    ERROR_INVALID,     /* the request is wrong; do not retry */
    ERROR_DENIED,      /* no or wrong credentials */
    ERROR_FORBIDDEN,   /* known, but may not */
    ERROR_NOT_FOUND,   /* there is no such thing, or none for this caller */
    ERROR_NOT_ALLOWED, /* this method is not for this resource */
    ERROR_CONFLICT,    /* the thing is not in a state that allows it */
    ERROR_TOO_LARGE,   /* over a limit of size */
    ERROR_MEDIA,       /* a content type that is not taken here */
    ERROR_MISMATCH,    /* well-formed, but it does not fit what is there */
    ERROR_TOO_MANY,    /* over the caller's share; retry later */
    ERROR_BUSY,        /* not now, and nothing was done; retry later */
    ERROR_UNAVAILABLE, /* a dependency is down; retry later */
    ERROR_NO_SPACE,    /* the disk is full */
    ERROR_INTERNAL,    /* we are wrong */
};

/*
 * Lives on the caller's stack; failing never allocates. `code` is the stable
 * word that API clients see: always a string literal.
 */
struct error {
    enum error_kind kind;
    const char *code;
    char text[512];
    int retry_after_s; /* when it may work; 0: nobody has said */
    int item;       /* which of several things is wrong, from 1; 0: not said */
    char rival[40]; /* the id of what is in the way; empty: not said */
    char errors[2000]; /* all that is wrong, as a JSON array; empty: not said */
};

/* Fill *err and return false, so that a failing path is one statement. What is
 * not said by the arguments is not said. */
bool error_set(struct error *err, enum error_kind kind, const char *code,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Put "fmt: " before the text that is there, and return false. */
bool error_prefix(struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
