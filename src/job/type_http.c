/*
 * "run" of the kind "http": its jobs are requests to a web server.
 */
#include "type_member.h"

#include "network.h"

#include <string.h>
#include <strings.h>
#include <talloc.h>

#define MIN_SECRET 16 /* bytes */

/* ------------------------------------------------------------ url */

bool type_is_web_url(const char *text)
{
    size_t scheme = !strncasecmp(text, "https://", 8)  ? 8
                    : !strncasecmp(text, "http://", 7) ? 7
                                                       : 0;
    size_t host = strcspn(text + scheme, "/?#");

    /* A password in it would be seen in errors. */
    return scheme && host && !memchr(text + scheme, '@', host) &&
           !text[strcspn(text, " \t\r\n\"<>\\^`{|}")];
}

static bool read_url(void *mem, const struct member *member, json_t *value,
                     struct job_type *type, struct error *err)
{
    const char *text = json_string_value(value);

    if (!text || (*text != '/' && !type_is_web_url(text)))
        return member_refuse(member->name,
                             "a URL of http or https without a user, or a "
                             "pointer into the payload such as \"/url\"",
                             err);
    return member_text(mem, member, value, type, err);
}

/* ------------------------------------------------------------ secret */

static bool read_secret(void *mem, const struct member *member, json_t *value,
                        struct job_type *type, struct error *err)
{
    if (json_string_length(value) < MIN_SECRET)
        return member_refuse(member->name, "a string of at least 16 bytes",
                             err);
    return member_text(mem, member, value, type, err);
}

/* ------------------------------------------------------------ headers */

static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "Connection", "Content-Length",    "Expect",
        "Host",       "Idempotency-Key",   "Trailer",
        "TE",         "Transfer-Encoding", "Upgrade",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcasecmp(names[i], name))
            return true;
    return !strncasecmp(name, "Millrace-", strlen("Millrace-"));
}

static bool header_is_good(const char *name, json_t *value)
{
    static const char token[] =
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *text = json_string_value(value);

    return *name && !name[strspn(name, token)] && !is_ours(name) && text &&
           *text && !text[strcspn(text, "\r\n")];
}

static bool read_headers(void *mem, const struct member *member, json_t *value,
                         struct job_type *type, struct error *err)
{
    size_t count = json_object_size(value), at = 0;
    const char *name;
    json_t *text;

    if (!json_is_object(value))
        return member_refuse(member->name, "an object of strings", err);
    type->http.headers =
        talloc_zero_array(mem, const char *, (unsigned)count + 1);
    json_object_foreach(value, name, text) {
        if (!header_is_good(name, text))
            return error_set(err, ERROR_INVALID, "invalid_type",
                             "%s must be an object of strings of one line, "
                             "without those that the worker sets itself; it "
                             "has \"%.100s\"",
                             member->name, name);
        type->http.headers[at++] =
            talloc_asprintf(mem, "%s: %s", name, json_string_value(text));
    }
    return true;
}

/* ------------------------------------------------------------ allow */

static bool read_allow(void *mem, const struct member *member, json_t *value,
                       struct job_type *type, struct error *err)
{
    size_t count = json_array_size(value), i;
    struct network network;
    json_t *text;

    if (!json_is_array(value))
        return member_refuse(member->name, "an array of networks", err);
    type->http.allow =
        talloc_zero_array(mem, const char *, (unsigned)count + 1);
    json_array_foreach(value, i, text) {
        if (!json_is_string(text) ||
            !network_read(json_string_value(text), &network))
            return member_refuse(
                member->name,
                "an array of networks such as \"10.1.0.0/16\" or \"::1\"", err);
        type->http.allow[i] = talloc_strdup(mem, json_string_value(text));
    }
    return true;
}

/* ------------------------------------------------------------ the others */

static bool read_body(void *mem, const struct member *member, json_t *value,
                      struct job_type *type, struct error *err)
{
    const char *word = json_string_value(value);

    (void)mem;
    if (!word || (strcmp(word, "payload") != 0 && strcmp(word, "job") != 0))
        return member_refuse(member->name, "\"payload\" or \"job\"", err);
    type->http.body = !strcmp(word, "job") ? BODY_JOB : BODY_PAYLOAD;
    return true;
}

/* clang-format off */
static const struct member breaker_members[] = {
    {"run.breaker.failures", member_number,   AT(http.breaker_failures), 1, 100000},
    {"run.breaker.pause",    member_duration, AT(http.breaker_pause_ms), 0, 0},
};
/* clang-format on */

static bool read_breaker(void *mem, const struct member *member, json_t *value,
                         struct job_type *type, struct error *err)
{
    if (!json_is_object(value))
        return member_refuse(member->name,
                             "an object such as {\"failures\": 10, "
                             "\"pause\": \"30s\"}",
                             err);
    return member_object(mem, "run.breaker.", breaker_members,
                         COUNT(breaker_members), value, type, err);
}

/* clang-format off */
static const struct member http_members[] = {
    {"run.kind",           member_text,     CHECKED,                0, 0},
    {"run.url",            read_url,        AT(http.url),           0, 0},
    {"run.secret",         read_secret,     AT(http.secret),        0, 0},
    {"run.secretFile",     member_path,     AT(http.secret_file),   0, 0},
    {"run.headers",        read_headers,    0,                      0, 0},
    {"run.body",           read_body,       0,                      0, 0},
    {"run.caFile",         member_path,     AT(http.ca_file),       0, 0},
    {"run.allow",          read_allow,      0,                      0, 0},
    {"run.maxInFlight",    member_number,   AT(max_in_flight),      1, 10000},
    {"run.connectTimeout", member_duration, AT(connect_timeout_ms), 0, 0},
    {"run.maxResponse",    member_size,     AT(max_response),       0, 0},
    {"run.breaker",        read_breaker,    0,                      0, 0},
};
/* clang-format on */

static bool check(const struct type_http *http, struct error *err)
{
    if (!http->url)
        return type_missing("run.url", err);
    if (!http->secret && !http->secret_file)
        return type_missing("run.secret or run.secretFile", err);
    if (http->secret && http->secret_file)
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "give run.secret or run.secretFile, not both");
    return true;
}

bool type_read_http(void *mem, json_t *run, struct job_type *type,
                    struct error *err)
{
    type->max_in_flight = 200;
    type->connect_timeout_ms = 5000;
    type->max_response = 1024 * 1024;
    type->http.breaker_failures = 10;
    type->http.breaker_pause_ms = 30000;
    return member_object(mem, "run.", http_members, COUNT(http_members), run,
                         type, err) &&
           check(&type->http, err);
}
