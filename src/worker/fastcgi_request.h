#ifndef WORKER_FASTCGI_REQUEST_H
#define WORKER_FASTCGI_REQUEST_H

#include "attempt.h"

struct fastcgi;

/*
 * A job as a request to a FastCGI server: what is known of it goes as
 * parameters, its payload as the body. What the script writes to its error
 * stream is the job's log, but for lines such as {"progress": 40, "message":
 * "..."}.
 */
struct fastcgi_request;

/* Send it; it ends the attempt sooner or later. */
void fastcgi_request_start(struct fastcgi *fastcgi, struct attempt *attempt);

/* Close its connection and end the attempt, which was told to stop. */
void fastcgi_request_stop(struct fastcgi_request *request);

#endif
