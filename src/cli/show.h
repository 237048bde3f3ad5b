#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli.h"
#include "columns.h"

/*
 * Ask and show: what most commands are. With --json the answer as it came.
 */

/* GET a list, as a table; `member` is the list's name in the answer. */
bool show_list(struct cli *cli, const char *path, const char *member,
               const struct column *columns, size_t count,
               struct error *err) MUST_CHECK;

/* The same of things with owners, a page of it: by owner_option and
 * page_options. */
extern const struct option owner_option[], page_options[];

bool show_page(struct cli *cli, const char *path, const char *member,
               const struct column *columns, size_t count,
               struct error *err) MUST_CHECK;

/* GET one thing, a line for each member that it has. */
bool show_record(struct cli *cli, const char *path,
                 const struct column *columns, size_t count,
                 struct error *err) MUST_CHECK;

/* Change something, and say `said` (printf's form) when it is done. */
bool show_done(struct cli *cli, const char *method, const char *path,
               const char *body, struct error *err, const char *said,
               ...) MUST_CHECK __attribute__((format(printf, 6, 7)));

#endif
