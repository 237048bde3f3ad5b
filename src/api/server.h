#ifndef API_SERVER_H
#define API_SERVER_H

#include "conf.h"
#include "error.h"

/* The daemon's parts, started and stopped together. */
struct server;

/* `conf` must outlive the server. Signals are as the caller has them blocked.
 */
bool server_start(const struct conf *conf, struct server **ret,
                  struct error *err) MUST_CHECK;

/* Finish what is in work and end all threads; takes ten seconds at most, and
 * what the slowest request in work needs. */
void server_stop(struct server *server);

#endif
