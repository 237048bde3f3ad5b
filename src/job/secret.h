#ifndef JOB_SECRET_H
#define JOB_SECRET_H

#include <stddef.h>

/*
 * The secrets of a payload: the values that its type's schema calls writeOnly.
 * What a handler says of its job may have them in it; what is stored has not.
 * Values shorter than SECRET_MIN bytes are too common to be told from others.
 */
#define SECRET_MIN      4
#define SECRET_LINE_MIN 8 /* of a line of a longer one */
#define SECRET_MASK     "********"

struct secrets;

/* `options` of the type, JSON; NULL where there are none, which is usual. */
struct secrets *secrets_find(void *mem, const char *options,
                             const char *payload);

/* Those and one more, a text; `secrets` may be NULL. */
struct secrets *secrets_with(void *mem, struct secrets *secrets,
                             const char *text);

/* A copy without them, on `mem`; NULL where none is in it. */
char *secrets_hide(void *mem, const struct secrets *secrets, const char *text,
                   size_t len);

#endif
