#include "network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

/* The form that a struct network has. */
static void spread(const void *v4, uint8_t ret[16])
{
    memcpy(ret, mapped, sizeof(mapped));
    memcpy(ret + sizeof(mapped), v4, 4);
}

static bool read_bits(const char *text, int most, int *ret)
{
    char *end;
    long bits = strtol(text, &end, 10);

    *ret = (int)bits;
    return *text >= '0' && *text <= '9' && !*end && bits <= most;
}

bool network_read(const char *text, struct network *ret)
{
    size_t len = strcspn(text, "/");
    char host[INET6_ADDRSTRLEN];
    struct in_addr v4;
    int bits;

    if (len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, &v4) == 1) {
        spread(&v4, ret->prefix);
        bits = 32;
        if (text[len] && !read_bits(text + len + 1, 32, &bits))
            return false;
        ret->bits = 96 + bits;
        return true;
    }
    ret->bits = 128;
    return inet_pton(AF_INET6, host, ret->prefix) == 1 &&
           (!text[len] || read_bits(text + len + 1, 128, &ret->bits));
}

static bool bytes_of(const struct sockaddr *address, uint8_t ret[16])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    if (address->sa_family == AF_INET) {
        spread(&v4->sin_addr, ret);
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(ret, &v6->sin6_addr, 16);
    if (!memcmp(ret, nat64, sizeof(nat64)))
        memcpy(ret, mapped, sizeof(mapped));
    return true;
}

static bool covers(const uint8_t *prefix, int bits, const uint8_t *bytes)
{
    int whole = bits / 8, rest = bits % 8;

    return !memcmp(prefix, bytes, (size_t)whole) &&
           (rest == 0 ||
            (prefix[whole] >> (8 - rest)) == (bytes[whole] >> (8 - rest)));
}

bool network_has(const struct network *network, const struct sockaddr *address)
{
    uint8_t bytes[16];

    return bytes_of(address, bytes) &&
           covers(network->prefix, network->bits, bytes);
}

/* The registries of special addresses (RFC 6890 and what has come since), and
 * two services of clouds. */
static const struct {
    uint8_t prefix[4];
    int bits;
} special4[] = {
    {{0},                8 },
    {{10},               8 },
    {{100, 64},          10}, /* of providers; 100.100.100.200: metadata */
    {{127},              8 },
    {{168, 63, 129, 16}, 32}, /* metadata */
    {{169, 254},         16}, /* link-local; 169.254.169.254: metadata */
    {{172, 16},          12},
    {{192, 0, 0},        24},
    {{192, 0, 2},        24}, /* documentation */
    {{192, 31, 196},     24},
    {{192, 52, 193},     24},
    {{192, 88, 99},      24}, /* 6to4 relays */
    {{192, 168},         16},
    {{192, 175, 48},     24},
    {{198, 18},          15}, /* measurements */
    {{198, 51, 100},     24}, /* documentation */
    {{203, 0, 113},      24}, /* documentation */
    {{224},              3 }, /* multicast, reserved, broadcast */
};

static bool is_public4(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(*special4); i++)
        if (covers(special4[i].prefix, special4[i].bits, bytes))
            return false;
    return true;
}

/* Of 2000::/3, the only part that is in use, what is not for everybody. */
static const struct {
    uint8_t prefix[6];
    int bits;
} special6[] = {
    {{0x20, 0x01, 0},                      23}, /* Teredo and others */
    {{0x20, 0x01, 0x0d, 0xb8},             32}, /* documentation */
    {{0x20, 0x02},                         16}, /* 6to4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    {{0x3f, 0xff, 0},                      20}, /* documentation */
};

static bool is_public6(const uint8_t *bytes)
{
    if (bytes[0] >> 5 != 1)
        return false;
    for (size_t i = 0; i < sizeof(special6) / sizeof(*special6); i++)
        if (covers(special6[i].prefix, special6[i].bits, bytes))
            return false;
    return true;
}

bool network_is_public(const struct sockaddr *address)
{
    uint8_t bytes[16];

    if (!bytes_of(address, bytes))
        return false;
    return memcmp(bytes, mapped, sizeof(mapped)) != 0
               ? is_public6(bytes)
               : is_public4(bytes + sizeof(mapped));
}
