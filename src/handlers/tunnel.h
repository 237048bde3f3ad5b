/*
 * A way to a port that only another host reaches: an SSH session whose
 * direct-tcpip channel is forwarded to a unix socket of ours, by a thread.
 */
#ifndef HANDLERS_TUNNEL_H
#define HANDLERS_TUNNEL_H

#include "fault.h"

struct ssh_place {
    const char *host, *user, *password;
    const char *private_key, *passphrase; /* PEM or OpenSSH text */
    /* Who the server must be: "SHA256:…" or a public key's line, or lines of a
     * known_hosts file, or such a file. */
    const char *host_key, *known_hosts, *known_hosts_file;
    int port; /* 0: 22 */
};

struct tunnel;

/*
 * Log in, and have the server connect to host and port. The socket takes one
 * connection. Codes: ssh_unreachable, ssh_lost (FAULT_RETRY); ssh_host_unknown,
 * ssh_host_key_mismatch, ssh_denied, ssh_invalid_key, ssh_forward_failed
 * (FAULT_DATA).
 */
bool tunnel_open(const struct ssh_place *place, const char *host, int port,
                 struct tunnel **ret, struct fault *err);

const char *tunnel_socket(const struct tunnel *tunnel);

/* Ends the thread and the session; NULL is taken. Close what uses it before. */
void tunnel_close(struct tunnel *tunnel);

#endif
