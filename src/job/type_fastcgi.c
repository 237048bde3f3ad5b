/*
 * "run" of the kind "fastcgi": its jobs are requests to a FastCGI server.
 */
#include "type_member.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <talloc.h>

#define MAX_PARAM 8192 /* bytes of name and value */

/* "127.0.0.1:9000" or "[::1]:9000": names are not looked up, as that would stop
 * the worker's loop. */
static bool is_address(const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    struct in6_addr addr;
    size_t len;
    char *end;
    long port;

    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return false;
    port = strtol(colon + 1, &end, 10);
    if (port < 1 || port > 65535 || *end)
        return false;
    len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = '\0';
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &addr) == 1;
    }
    return inet_pton(AF_INET, host, &addr) == 1;
}

static bool is_socket_path(const char *text)
{
    return *text == '/' &&
           strlen(text) < sizeof(((struct sockaddr_un *)0)->sun_path);
}

static bool read_socket(void *mem, const struct member *member, json_t *value,
                        struct job_type *type, struct error *err)
{
    const char *text = json_string_value(value);

    if (!text || (!is_socket_path(text) && !is_address(text)))
        return member_refuse(member->name,
                             "the absolute path of a unix socket (107 bytes at "
                             "most), or a numeric address with a port, such "
                             "as \"127.0.0.1:9000\"",
                             err);
    type->socket = talloc_strdup(mem, text);
    return true;
}

static bool param_is_good(const char *name, json_t *value)
{
    return *name && strlen(name) + json_string_length(value) <= MAX_PARAM &&
           strncmp(name, "MILLRACE_", strlen("MILLRACE_")) != 0;
}

static bool read_params(void *mem, const struct member *member, json_t *value,
                        struct job_type *type, struct error *err)
{
    return member_pairs(mem, member, value, param_is_good,
                        "an object of strings, 8192 bytes each; names that "
                        "begin with MILLRACE_ are not free",
                        type, err);
}

/* clang-format off */
static const struct member fastcgi_members[] = {
    {"run.kind",           member_text,     CHECKED,                0, 0},
    {"run.socket",         read_socket,     0,                      0, 0},
    {"run.script",         member_path,     AT(script),             0, 0},
    {"run.params",         read_params,     AT(params),             0, 0},
    {"run.files",          member_flag,     AT(files),              0, 0},
    {"run.maxInFlight",    member_number,   AT(max_in_flight),      1, 10000},
    {"run.connectTimeout", member_duration, AT(connect_timeout_ms), 0, 0},
    {"run.maxResponse",    member_size,     AT(max_response),       0, 0},
};
/* clang-format on */

bool type_read_fastcgi(void *mem, json_t *run, struct job_type *type,
                       struct error *err)
{
    type->max_in_flight = 8;
    if (!member_object(mem, "run.", fastcgi_members, COUNT(fastcgi_members),
                       run, type, err))
        return false;
    if (!type->socket)
        return type_missing("run.socket", err);
    return type->script || type_missing("run.script", err);
}
