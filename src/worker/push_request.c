#include "push_request.h"

#include "buf.h"
#include "clock.h"
#include "lane.h"
#include "worker.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#define MAX_SECRET 4096
#define MAX_URL    8192

/* ------------------------------------------------------------ signatures */

char *push_sign(void *mem, const char *key, size_t key_len, ...)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    char hex[2 * sizeof(mac) + 1];
    const char *text;
    va_list texts;

    crypto_auth_hmacsha256_init(&state, (const void *)key, key_len);
    va_start(texts, key_len);
    while ((text = va_arg(texts, const char *)))
        crypto_auth_hmacsha256_update(&state, (const void *)text, strlen(text));
    va_end(texts);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    return talloc_strdup(mem, hex);
}

/* Read each time, so that it can be changed while the worker runs. */
static bool read_secret(void *mem, const struct type_http *http,
                        const char **ret, struct error *err)
{
    char text[MAX_SECRET + 1];
    FILE *file;
    size_t len;

    *ret = http->secret;
    if (http->secret)
        return true;
    file = fopen(http->secret_file, "re");
    if (!file)
        return error_set(err, ERROR_UNAVAILABLE, "secret_unreadable",
                         "cannot read run.secretFile of the type: %m");
    len = fread(text, 1, MAX_SECRET, file);
    fclose(file);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    *ret = talloc_strdup(mem, text);
    sodium_memzero(text, sizeof(text));
    return len > 0 ||
           error_set(err, ERROR_UNAVAILABLE, "secret_unreadable",
                     "run.secretFile of the type has no secret in it");
}

/* ------------------------------------------------------------ url */

/* The value at a pointer (RFC 6901); NULL: none. */
static json_t *value_at(json_t *value, const char *pointer)
{
    struct buf name;

    while (value && *pointer == '/') {
        buf_init(&name, NULL, 64);
        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            bool escaped = *pointer == '~' && pointer[1];

            pointer += escaped;
            buf_add_char(&name, !escaped          ? *pointer
                                : *pointer == '1' ? '/'
                                                  : '~');
        }
        value = json_is_array(value)
                    ? json_array_get(
                          value, (size_t)strtoull(buf_text(&name), NULL, 10))
                    : json_object_get(value, buf_text(&name));
        talloc_free(name.data);
    }
    return value;
}

bool push_url(void *mem, const struct attempt *attempt, const char **ret,
              struct error *err)
{
    const char *from = attempt->lane->type->http.url, *url;
    void *scratch;
    json_t *root;

    *ret = from;
    if (*from != '/')
        return true;
    scratch = talloc_new(NULL);
    *ret = NULL;
    if (json_parse(scratch, attempt->payload, strlen(attempt->payload), &root,
                   err)) {
        url = json_string_value(value_at(root, from));
        if (url && strlen(url) <= MAX_URL && type_is_web_url(url))
            *ret = talloc_strdup(mem, url);
    }
    talloc_free(scratch);
    return *ret ||
           error_set(err, ERROR_INVALID, "invalid_url",
                     "the payload has no URL of http or https without a user "
                     "at \"%.200s\"",
                     from);
}

char *push_host(void *mem, const char *url)
{
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host - url) + 3 : 0;
    char *ret = talloc_strndup(mem, url, len + strcspn(url + len, "/?#"));

    for (char *c = ret; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return ret;
}

/* ------------------------------------------------------------ body */

static const char *whole_job(void *mem, const struct attempt *attempt)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    json_add_string(out, "id", attempt->id);
    json_add_int(out, "attempt", attempt->number);
    json_add_string(out, "type", attempt->lane->type->type);
    json_may_raw(out, "dependencies", attempt->dependencies);
    json_add_raw(out, "payload", attempt->payload);
    json_end(out);
    return json_out_text(out, NULL);
}

static const char *take_body(void *mem, struct attempt *attempt)
{
    const char *body;

    if (attempt->lane->type->http.body == BODY_JOB)
        body = whole_job(mem, attempt);
    else
        body = talloc_steal(mem, attempt->payload);
    if (attempt->lane->type->http.body == BODY_JOB)
        TALLOC_FREE(attempt->payload);
    attempt->payload = NULL;
    TALLOC_FREE(attempt->dependencies);
    return body;
}

/* ------------------------------------------------------------ headers */

/* As many as headers() adds, and the end. */
#define OWN_HEADERS 10

struct headers {
    const char **list;
    int count;
};

static void add(struct headers *to, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct headers *to, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    to->list[to->count++] = talloc_vasprintf(to->list, fmt, args);
    va_end(args);
}

/* The type's own come first; "Content-Type" may be one of them. */
static void add_fixed(struct headers *to, const struct type_http *http)
{
    bool typed = false;

    for (const char **header = http->headers; header && *header; header++) {
        typed = typed || !strncasecmp(*header, "Content-Type:", 13);
        to->list[to->count++] = *header;
    }
    if (!typed)
        add(to, "Content-Type: application/json");
}

/* Where it may say how far it is, and what proves that it is this attempt. */
static void add_callback(struct headers *to, const struct attempt *attempt)
{
    const struct worker *worker = attempt->worker;
    const char *url = worker->conf->url;
    int len = (int)strlen(url);
    char token[REPORT_TOKEN];

    if (len == 0)
        return;
    while (len > 0 && url[len - 1] == '/')
        len--;
    report_token(worker->report_key, attempt->id, attempt->number, token);
    add(to, "Millrace-Report-Url: %.*s/api/jobs/%s/attempts/%d/report", len,
        url, attempt->id, attempt->number);
    add(to, "Millrace-Report-Token: %s", token);
}

static int count_of(const char **headers)
{
    int count = 0;

    while (headers && headers[count])
        count++;
    return count;
}

static const char **headers(void *mem, const struct attempt *attempt,
                            const char *secret, const char *body,
                            int64_t now_ms)
{
    const struct job_type *type = attempt->lane->type;
    int count = count_of(type->http.headers) + OWN_HEADERS;
    struct headers to = {
        .list = talloc_zero_array(mem, const char *, (unsigned)count)};
    char time[24];

    snprintf(time, sizeof(time), "%" PRId64, now_ms / 1000);
    add_fixed(&to, &type->http);
    add(&to, "Millrace-Job-Id: %s", attempt->id);
    add(&to, "Millrace-Job-Type: %s", type->type);
    add(&to, "Millrace-Attempt: %d", attempt->number);
    add(&to, "Idempotency-Key: %s", attempt->id);
    add(&to, "Millrace-Timestamp: %s", time);
    add(&to, "Millrace-Signature: v1=%s",
        push_sign(to.list, secret, strlen(secret), time, ".", body,
                  (char *)NULL));
    add_callback(&to, attempt);
    return to.list;
}

bool push_request(void *mem, struct attempt *attempt, const char *url,
                  int64_t now_ms, struct fetch_request *ret, struct error *err)
{
    const char *secret, *body;

    if (!read_secret(mem, &attempt->lane->type->http, &secret, err))
        return false;
    body = take_body(mem, attempt);
    *ret = (struct fetch_request){
        .method = "POST",
        .url = url,
        .headers = headers(mem, attempt, secret, body, now_ms),
        .body = body,
        .body_len = strlen(body),
    };
    return true;
}
