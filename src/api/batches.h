#ifndef API_BATCHES_H
#define API_BATCHES_H

#include "http.h"

/* Whether the caller may see a batch. ERROR_NOT_FOUND batch_not_found. */
bool batch_exists(struct request *req, const char *id,
                  struct error *err) MUST_CHECK;

#endif
