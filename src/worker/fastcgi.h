#ifndef WORKER_FASTCGI_H
#define WORKER_FASTCGI_H

#include "lane.h"

/*
 * The FastCGI server of a lane, which is a php-fpm as a rule: each job is a
 * request on a connection of its own, as these servers answer but one at a time
 * on each. Where nothing can be sent the jobs are given back and the lane takes
 * none for longer and longer.
 */
struct fastcgi;

struct fastcgi *fastcgi_new(struct lane *lane);

/* Whether it may take jobs now. */
bool fastcgi_ready(const struct fastcgi *fastcgi);

/* The server has answered; or it has taken nothing, for this reason. */
void fastcgi_answered(struct fastcgi *fastcgi);
void fastcgi_refused(struct fastcgi *fastcgi, const char *why);

#endif
