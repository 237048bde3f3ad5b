#ifndef HANDLERS_TUNNEL_LOGIN_H
#define HANDLERS_TUNNEL_LOGIN_H

#include "tunnel.h"

#include <libssh/libssh.h>

/* A session with the server that place describes, which was found to be that
 * server and has let the user in. */
bool tunnel_login(const struct ssh_place *place, ssh_session *ret,
                  struct fault *err);

#endif
