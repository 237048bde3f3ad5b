#ifndef WORKER_ENVIRONMENT_H
#define WORKER_ENVIRONMENT_H

/*
 * The environment of a handler: nothing is inherited, so no credentials are.
 */
struct environment;

/* PATH and LANG. */
struct environment *environment_new(void *mem);

/* Set a variable; one of that name is replaced. NULL sets none. */
void environment_set(struct environment *env, const char *name,
                     const char *value);

/* As exec wants it; belongs to the environment. */
char *const *environment_list(struct environment *env);

#endif
