#include "doctor.h"

#include "fetch.h"
#include "json.h"
#include "pick.h"

#include <string.h>
#include <talloc.h>

#define ANSWER_MS 5000

#define ROUTES                                                                 \
    "include millrace-server.conf in nginx's server block and "                \
    "millrace-http.conf in its http block, then nginx -s reload"

static bool get(struct doctor *doctor, const char *path, fetch_fn *on_body,
                struct fetch_answer *ret)
{
    void *mem = doctor->mem;
    size_t len = strlen(doctor->url);
    const char *headers[] = {
        *doctor->token
            ? talloc_asprintf(mem, "Authorization: Bearer %s", doctor->token)
            : NULL,
        NULL};
    struct fetch_request req = {.method = "GET",
                                .headers = headers,
                                .timeout_ms = ANSWER_MS,
                                .on_body = on_body};
    struct error err;

    while (len > 0 && doctor->url[len - 1] == '/')
        len--;
    req.url = talloc_asprintf(mem, "%.*s%s", (int)len, doctor->url, path);
    if (fetch_send(fetch_new(mem), mem, &req, ret, &err))
        return true;
    doctor_note(doctor, VERDICT_FAIL, "web",
                "start nginx, or correct MILLRACE_URL", "%s", err.text);
    return false;
}

/* The answer's JSON, or NULL where it is none of Millrace's. */
static json_t *ours(struct doctor *doctor, const struct fetch_answer *answer)
{
    struct error ignored;
    json_t *json;

    if (!json_parse(doctor->mem, answer->body, answer->body_len, &json,
                    &ignored) ||
        !pick(json, "success"))
        return NULL;
    return json;
}

/* Whether it answered as it should; else why not is noted. */
static bool check(struct doctor *doctor, const char *path,
                  const struct fetch_answer *answer)
{
    const json_t *json = ours(doctor, answer);

    if (answer->status < 300 && json)
        return true;
    if (!json)
        doctor_note(doctor, VERDICT_FAIL, "web", ROUTES,
                    "nginx has no route for %s: it answers %d, and not as "
                    "Millrace does",
                    path, answer->status);
    else
        doctor_note(doctor, VERDICT_FAIL, "web",
                    answer->status == 401 ? "make one (millrace token create)"
                    : answer->status == 502
                        ? "start millrace-api and millrace-stream"
                        : NULL,
                    "%s answers %d: %s", path, answer->status,
                    pick_text(json, "error.message"));
    return false;
}

/* The first bytes of a stream are enough. */
static bool on_first(const char *data, size_t len, void *arg)
{
    (void)data, (void)len, (void)arg;
    return false;
}

static bool check_stream(struct doctor *doctor)
{
    static const char path[] = "/api/jobs/notifications/stream";
    struct fetch_answer answer;

    if (!get(doctor, path, on_first, &answer))
        return false;
    if (answer.status == 200 &&
        !strncmp(answer.content_type, "text/event-stream", 17))
        return true;
    if (answer.status != 200)
        return check(doctor, path, &answer);
    doctor_note(doctor, VERDICT_FAIL, "web", ROUTES,
                "the event stream %s does not come from millrace-stream", path);
    return false;
}

/* A token that goes through a network in the clear is everybody's. */
static void check_secrecy(struct doctor *doctor)
{
    static const char *const near[] = {"127.", "localhost", "[::1]"};
    const char *host = doctor->url + strlen("http://");

    if (strncmp(doctor->url, "http://", 7) != 0)
        return;
    for (size_t i = 0; i < sizeof(near) / sizeof(*near); i++)
        if (!strncmp(host, near[i], strlen(near[i])))
            return;
    doctor_note(doctor, VERDICT_WARN, "web", "use https",
                "the token goes to %s without encryption", doctor->url);
}

void doctor_web(struct doctor *doctor)
{
    struct fetch_answer answer;

    if (!*doctor->url) {
        doctor_note(doctor, VERDICT_OK, "web", NULL,
                    "not looked at: there is no MILLRACE_URL");
        return;
    }
    check_secrecy(doctor);
    if (!get(doctor, "/healthz", NULL, &answer) ||
        !check(doctor, "/healthz", &answer) ||
        !get(doctor, "/readyz", NULL, &answer) ||
        !check(doctor, "/readyz", &answer))
        return;
    if (!*doctor->token) {
        doctor_note(doctor, VERDICT_WARN, "web",
                    "set MILLRACE_TOKEN to have all of it tried", "%s answers",
                    doctor->url);
        return;
    }
    if (get(doctor, "/api/types", NULL, &answer) &&
        check(doctor, "/api/types", &answer) && check_stream(doctor))
        doctor_note(doctor, VERDICT_OK, "web", NULL,
                    "API and event streams answer at %s", doctor->url);
}
