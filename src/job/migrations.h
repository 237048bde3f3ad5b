#ifndef JOB_MIGRATIONS_H
#define JOB_MIGRATIONS_H

#include <stddef.h>

/* The files of sql/migrations/, compiled in, in the order of their numbers:
 * migrations[i].version is i + 1. */
struct migration {
    int version;
    const char *name, *sql;
};

extern const struct migration migrations[];
extern const size_t migration_count;

#endif
