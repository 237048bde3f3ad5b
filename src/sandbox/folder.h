#ifndef SANDBOX_FOLDER_H
#define SANDBOX_FOLDER_H

#include <stdint.h>

struct folder_size {
    uint64_t files; /* and folders */
    uint64_t bytes; /* as long as they are or as much as they take */
};

/*
 * All that lies in a folder and below. Counting stops beyond `most` files (0:
 * never); what is nested deeper than is good for anything counts as too many.
 */
void folder_measure(const char *path, uint64_t most, struct folder_size *ret);

#endif
