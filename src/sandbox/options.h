#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include "guard_limits.h"

#define SANDBOX_MAX_PATHS 64

struct sandbox_paths {
    const char *list[SANDBOX_MAX_PATHS];
    size_t count;
};

/* Of all that runs in a sandbox together; 0 is no limit. */
struct sandbox_limits {
    uint64_t memory;       /* bytes */
    uint64_t tmp_size;     /* bytes */
    uint64_t tmp_files;    /* files and folders */
    uint64_t output_size;  /* bytes */
    uint64_t output_files; /* files and folders */
    uint64_t written;      /* bytes, those of removed files too */
    uint64_t cpu_ms;
    uint64_t processes;
};

struct sandbox_options {
    bool check;
    const char *bwrap;
    const char *handlers, *input, *output;  /* NULL: none */
    struct sandbox_paths read_only, hidden; /* absolute */
    struct sandbox_limits limits;
    struct sandbox_paths rlimits; /* as they were given, for the inside */
    char **command;               /* NULL-terminated */
};

/* Read the command line; strings point into argv. Complains on stderr. */
bool sandbox_options_read(struct sandbox_options *ret, int argc, char *argv[]);

#endif
