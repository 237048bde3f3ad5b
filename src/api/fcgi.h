#ifndef API_FCGI_H
#define API_FCGI_H

#include "api.h"
#include "error.h"

#include <stdint.h>

/*
 * The FastCGI side: the one place that knows libfcgi. Any number of threads
 * serve one listener and the connections that came from it. A connection that
 * the web server keeps waits in the epoll set, not in a thread, so threads are
 * needed only for requests in work, however many connections are kept.
 */
struct fcgi;

/* Before the first thread. `listener` does not block; `shared` says that others
 * may listen on it too (systemd, sibling processes). */
bool fcgi_open(void *mem, int listener, bool shared, struct fcgi **ret,
               struct error *err) MUST_CHECK;

/* One thread's work: take new connections until the drain begins. It has a
 * thread to itself so that they do not queue behind requests. */
void fcgi_accept(struct fcgi *fcgi);

/* The other threads' work: serve requests until the end. */
void fcgi_serve(struct fcgi *fcgi, struct api *api);

/*
 * Take no new connections and wait until the web server has closed those that
 * it keeps, serving what comes over them: if we closed one, a request might be
 * on its way. For the same reason a listener that is ours alone is shut, so
 * that the web server goes elsewhere, and those who had come before that are
 * taken. After `ms` the rest is given up. Then fcgi_accept and every fcgi_serve
 * return, having answered what they had in hand.
 */
void fcgi_drain(struct fcgi *fcgi, int ms);

#endif
