#include "connection_host.h"

#include "network.h"

#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

/* Where clouds answer with the machine's own credentials. */
static const char metadata[] =
    "169.254.0.0/16,fe80::/10,100.100.100.200,192.0.0.192,"
    "168.63.129.16,fd00:ec2::/32,fd20:ce::254";

/* The next item of a list with commas, on `mem`; NULL at its end. */
static char *next_item(void *mem, const char **at)
{
    char *item;
    size_t len;

    *at += strspn(*at, ", \t");
    len = strcspn(*at, ", \t");
    item = len > 0 ? talloc_strndup(mem, *at, len) : NULL;
    *at += len;
    return item;
}

static bool is_named(const char *item, const char *host)
{
    size_t len = strlen(host), tail = strlen(item);

    if (strncmp(item, "*.", 2) != 0)
        return !strcasecmp(item, host);
    return len >= tail && !strcasecmp(host + len - (tail - 1), item + 1);
}

static bool list_names(const char *list, const char *host)
{
    void *mem = talloc_new(NULL);
    bool found = false;
    char *item;

    while (!found && (item = next_item(mem, &list)))
        found = is_named(item, host);
    talloc_free(mem);
    return found;
}

static bool list_has(const char *list, const struct sockaddr *address)
{
    void *mem = talloc_new(NULL);
    struct network network;
    bool found = false;
    char *item;

    while (!found && (item = next_item(mem, &list)))
        found = network_read(item, &network) && network_has(&network, address);
    talloc_free(mem);
    return found;
}

/* Whether the list says the same, `in` or not, of each of them. */
static bool all_are(const char *list, const struct addrinfo *address, bool in)
{
    for (; address; address = address->ai_next)
        if (list_has(list, address->ai_addr) != in)
            return false;
    return true;
}

static bool is_empty(const char *list)
{
    return !list[strspn(list, ", \t")];
}

bool connection_host_allowed(const char *allowed, const char *host,
                             struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    bool ok;

    if (list_names(allowed, host))
        return true;
    /* Who connects says so better. */
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return is_empty(allowed) ||
               error_set(err, ERROR_UNAVAILABLE, "unknown_host",
                         "the host \"%.200s\" has no address", host);
    ok = is_empty(allowed) ? all_are(metadata, found, false)
                           : all_are(allowed, found, true);
    freeaddrinfo(found);
    return ok || error_set(err, ERROR_INVALID, "forbidden_host",
                           "connections may not lead to the host \"%.200s\": "
                           "MILLRACE_CONNECTION_HOSTS says where they may",
                           host);
}
