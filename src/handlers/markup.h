/*
 * A part's XML, parsed as it is unpacked, in bounded memory. Names come without
 * their prefixes. A document type is refused, and with it all entities but the
 * five that XML has.
 */
#ifndef HANDLERS_MARKUP_H
#define HANDLERS_MARKUP_H

#include "package.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { MARKUP_PIECE = 128, MARKUP_TAG = 1024 };
#else
enum {
    MARKUP_PIECE = 64 * 1024,
    MARKUP_TAG = 1024 * 1024, /* of one tag or comment */
};
#endif

struct markup_handler {
    void (*start)(void *arg, const char *name, const char **attributes);
    void (*end)(void *arg, const char *name);
    void (*text)(void *arg, const char *text, size_t len); /* may be NULL */
};

enum markup_step { MARKUP_PAUSED, MARKUP_END, MARKUP_FAILED };

struct markup;

struct markup *markup_new(void *mem, struct part *part,
                          const struct markup_handler *handler, void *arg);

/* Go on until a handler pauses, or to the end. */
enum markup_step markup_run(struct markup *markup, struct fault *err);

/* For handlers: markup_run() returns, and may be called again … */
void markup_pause(struct markup *markup);
/* … or fails; what this returns is filled in for it. The first one counts. */
struct fault *markup_fail(struct markup *markup);
bool markup_failed(const struct markup *markup);

/* A whole part at once. */
bool markup_read(void *mem, struct package *package, const char *name,
                 const struct markup_handler *handler, void *arg,
                 struct fault *err);

/* An attribute's value by its name without a prefix; NULL: it is not there. */
const char *markup_attribute(const char **attributes, const char *name);

#endif
