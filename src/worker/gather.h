#ifndef WORKER_GATHER_H
#define WORKER_GATHER_H

#include "error.h"

/*
 * What a handler has left in a folder becomes a folder of the store: regular
 * files are hashed, made durable and moved, under names that are fit to be
 * shown. Runs in a thread: it touches nothing but this.
 */
struct gather {
    void *mem; /* results hang on it */
    const char *from, *to;

    const char *artifacts; /* [{"name", "size", "contentType", "sha256"}]; NULL:
                              there are none */
    char **notes;          /* what was left out, and why */
    int note_count;
    bool made;        /* the folder in the store is there */
    struct error err; /* kind is ERROR_NONE where all went well */
};

void gather_run(struct gather *gather);

#endif
