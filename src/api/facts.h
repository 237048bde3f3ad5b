#ifndef API_FACTS_H
#define API_FACTS_H

#include "http.h"

/*
 * Answers that the database has made: the rows of a statement, each a JSON
 * object in the column `facts`.
 */

/* All of them as the list `name`. */
bool facts_list(struct request *req, struct response *res, const char *name,
                const char *sql, struct db_args args,
                struct error *err) MUST_CHECK;

/* The first one's members; *ret_found where there is one. */
bool facts_one(struct request *req, struct response *res, int status,
               const char *sql, struct db_args args, bool *ret_found,
               struct error *err) MUST_CHECK;

/* Jobs may start that could not before: have the workers look. */
void facts_ring(const struct request *req);

#endif
