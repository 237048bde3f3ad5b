#include "fetch.h"
#include "buf.h"
#include "fetch_private.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define CONNECT_MS 5000

struct fetch {
    CURL *curl;
    char why[CURL_ERROR_SIZE]; /* what curl says of the last failure */
};

/* An answer on its way. */
struct intake {
    const struct fetch_request *req;
    struct fetch *fetch;
    struct buf body;
    bool ended; /* on_body has had enough */
};

static int fetch_close(struct fetch *fetch)
{
    curl_easy_cleanup(fetch->curl);
    return 0;
}

struct fetch *fetch_new(void *mem)
{
    struct fetch *fetch = talloc_zero(mem, struct fetch);

    fetch->curl = curl_easy_init();
    if (!fetch->curl)
        abort();
    talloc_set_destructor(fetch, fetch_close);
    return fetch;
}

static bool is_good(CURL *curl)
{
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status < 300;
}

static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
    struct intake *in = arg;

    (void)one;
    if (!in->req->on_body || !is_good(in->fetch->curl)) {
        buf_add(&in->body, data, len);
        return len;
    }
    in->ended = !in->req->on_body(data, len, in->req->arg);
    return in->ended ? CURL_WRITEFUNC_ERROR : len;
}

struct curl_slist *fetch_headers(const char *const *headers)
{
    struct curl_slist *list = NULL;

    for (; headers && *headers; headers++)
        list = curl_slist_append(list, *headers);
    /* Large bodies are sent without asking first. */
    return curl_slist_append(list, "Expect:");
}

/* No silence of so many whole seconds: curl counts in seconds. */
static void limit_silence(CURL *curl, int silence_ms)
{
    if (silence_ms == 0)
        return;
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(silence_ms + 999) / 1000);
}

void fetch_prepare(CURL *curl, const struct fetch_request *req,
                   struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_URL, req->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)req->timeout_ms);
    limit_silence(curl, req->silence_ms);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "millrace/" PACKAGE_VERSION);
    if (req->body || !strcmp(req->method, "POST")) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, req->body ? req->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)req->body_len);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
}

static void prepare(struct fetch *fetch, const struct fetch_request *req,
                    struct curl_slist *headers, struct intake *in)
{
    CURL *curl = fetch->curl;

    curl_easy_reset(curl);
    *fetch->why = '\0';
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetch->why);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, in);
    fetch_prepare(curl, req, headers);
}

const char *fetch_header(CURL *curl, void *mem, const char *name)
{
    struct curl_header *found;

    if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return "";
    return talloc_strdup(mem, found->value);
}

static bool refuse(const struct fetch *fetch, CURLcode code, const char *url,
                   struct error *err)
{
    const char *why = *fetch->why ? fetch->why : curl_easy_strerror(code);

    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return error_set(err, ERROR_INVALID, "invalid_url",
                         "\"%.200s\" is no URL of http or https: %s", url, why);
    return error_set(err, ERROR_UNAVAILABLE, "unreachable",
                     "cannot reach %.200s: %s", url, why);
}

bool fetch_send(struct fetch *fetch, void *mem, const struct fetch_request *req,
                struct fetch_answer *ret, struct error *err)
{
    struct intake in = {.req = req, .fetch = fetch};
    struct curl_slist *headers = fetch_headers(req->headers);
    CURLcode code;
    long status = 0;

    buf_init(&in.body, mem, 1024);
    prepare(fetch, req, headers, &in);
    code = curl_easy_perform(fetch->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK && !in.ended)
        return refuse(fetch, code, req->url, err);

    curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct fetch_answer){
        .status = (int)status,
        .content_type = fetch_header(fetch->curl, mem, "Content-Type"),
        .retry_after = fetch_header(fetch->curl, mem, "Retry-After"),
        .body = buf_text(&in.body),
        .body_len = in.body.len,
    };
    return true;
}
