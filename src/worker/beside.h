#ifndef WORKER_BESIDE_H
#define WORKER_BESIDE_H

/*
 * The path of a program of ours: beside this very program where it was built,
 * else where it is installed. On `mem`.
 */
char *beside(void *mem, const char *name);

#endif
