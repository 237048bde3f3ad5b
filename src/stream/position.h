#ifndef STREAM_POSITION_H
#define STREAM_POSITION_H

#include "snapshot.h"

/*
 * How far a reader of the whole log, or of one owner's part, has come: it has
 * all that `before` sees and, of what `within` sees besides, what has a seq up
 * to `after`. Its text "before~within~after" is the id of the last event that
 * it was sent. `within` is NULL between two looks; `after` is 0 then.
 */
struct position {
    struct snapshot *before, *within;
    int64_t after;
};

/* Read an id of a stream of many jobs; snapshots on `mem`. Failing is
 * ERROR_INVALID, invalid_event_id. */
bool position_parse(void *mem, const char *text, struct position *ret,
                    struct error *err) MUST_CHECK;

/* Read an id of a stream of one job: the seq of an event. */
bool position_parse_seq(const char *text, int64_t *ret,
                        struct error *err) MUST_CHECK;

/* The look is over: what `within` sees has all been read. */
void position_settle(struct position *at);

char *position_text(void *mem, const struct snapshot *before,
                    const struct snapshot *within, int64_t after);

#endif
