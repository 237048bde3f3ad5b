#ifndef API_CGI_H
#define API_CGI_H

#include "api.h"

/* Whether a web server started this program for one request (fcgiwrap, Apache's
 * mod_cgi): the request is in the environment. */
bool cgi_started(void);

/*
 * Answer that request from stdin to stdout.
 *
 * A program of this host may start this one too, as millrace(1) does, and say
 * by MILLRACE_TRUST=PID:NAME that the request is that of NAME, an admin. That is
 * believed only of its parent (whose PID it is), and only where no variable is
 * set by which a web server tells of itself, its client or its scripts. Nobody
 * gains by it: who starts a process with variables of his choice, and with a
 * DATABASE_URL that opens, can ask the database himself. A request cannot set
 * it: CGI hands its header on as HTTP_* only, and FastCGI's parameters are not
 * looked at. Neither can it come from a web server's settings or environment by
 * mistake: the servers set SERVER_* and REMOTE_* (RFC 3875, 4.1), fcgiwrap needs
 * SCRIPT_* or DOCUMENT_ROOT, and none of them has a PID to give.
 */
void cgi_serve(struct api *api);

#endif
