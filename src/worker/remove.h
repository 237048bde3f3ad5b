#ifndef WORKER_REMOVE_H
#define WORKER_REMOVE_H

#include <stdbool.h>

/*
 * Remove a folder, or a file, with all that is in it. Follows no link, needs
 * neither stack nor descriptors for deep trees, and opens up folders that were
 * made unreadable. False, with errno, where something is left. Nobody else may
 * be at work in there.
 */
bool remove_tree(const char *path);

#endif
