#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * Networks of the internet protocols. An address of version 4 that is written
 * as one of version 6 (::ffff:10.0.0.1, or 64:ff9b::10.0.0.1 of NAT64) counts
 * as what it stands for.
 */
struct network {
    uint8_t prefix[16]; /* version 4 is kept as ::ffff:a.b.c.d */
    int bits;
};

/* "10.0.0.0/8", "fd00::/8", or one address. False where it is none. */
bool network_read(const char *text, struct network *ret);

bool network_has(const struct network *network, const struct sockaddr *address);

/*
 * Whether an address is one of the open internet: no private, loopback,
 * link-local, multicast, reserved or documentation address, and no cloud's
 * metadata service. What is not of the internet protocols is not public.
 */
bool network_is_public(const struct sockaddr *address);

#endif
