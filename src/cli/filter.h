#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include "cli.h"
#include "json.h"

/* Which jobs: the filters of the API, for a list and for changes of many. */
extern const struct option list_filters[], change_filters[];

/* The filters of a list as arguments of its URL. */
char *filter_url(const struct cli *cli, char *url);

/* Those of a change as members of the object that is open, and whether any was
 * given. */
bool filter_write(const struct cli *cli, struct json_out *out, bool *ret_any,
                  struct error *err) MUST_CHECK;

#endif
