/* How the parts of a workbook point at each other. */
#ifndef HANDLERS_BOOK_PARTS_H
#define HANDLERS_BOOK_PARTS_H

#include "package.h"

struct relation {
    const char *id, *type; /* the type without its namespace: "worksheet" */
    const char *part;      /* what it points at */
};

struct relations {
    struct relation *list;
    size_t count;
};

/* Those of a part, or ("") of the whole; none where the file has none. */
bool relations_read(void *mem, struct package *package, const char *of,
                    struct relations *ret, struct fault *err);

/* The part by the type, or by the id; NULL: there is none. */
const char *relations_by_type(const struct relations *relations,
                              const char *type);
const struct relation *relations_by_id(const struct relations *relations,
                                       const char *id);

#endif
