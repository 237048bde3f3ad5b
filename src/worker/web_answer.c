#include "web_answer.h"

#include "clock.h"
#include "json.h"
#include "result.h"
#include "said.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

#define DAY_MS   INT64_C(86400000)
#define MAX_BODY 1000 /* bytes of a body that is no JSON, in the details */

/* ------------------------------------------------------------ Retry-After */

/* Of the three forms of a date in HTTP (RFC 9110, 5.6.7). */
static bool read_date(const char *text, int64_t *ret_ms)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (end && !*end) {
            *ret_ms = (int64_t)timegm(&tm) * 1000;
            return true;
        }
    }
    return false;
}

static int64_t within_a_day(int64_t ms)
{
    return ms < 1 ? 1 : ms > DAY_MS ? DAY_MS : ms;
}

int64_t web_retry_after_ms(const char *text, int64_t now_ms)
{
    int64_t at_ms;
    char *end;
    long long seconds;

    if (isdigit((unsigned char)*text)) {
        seconds = strtoll(text, &end, 10);
        if (*end)
            return 0;
        return seconds > DAY_MS / 1000 ? DAY_MS : within_a_day(seconds * 1000);
    }
    return read_date(text, &at_ms) ? within_a_day(at_ms - now_ms) : 0;
}

bool web_status_is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

/* ------------------------------------------------------------ failures */

static int details_drop(json_t **details)
{
    json_decref(*details);
    return 0;
}

static json_t *details_new(void *mem, int status)
{
    json_t **owner = talloc(mem, json_t *);

    *owner = json_pack("{s:i}", "status", status);
    talloc_set_destructor(owner, details_drop);
    return *owner;
}

/* The error that the body tells of, into *said on `mem`; else how it begins. */
static void read_body(void *mem, const struct web_answer *answer,
                      json_t *details, struct said *said)
{
    size_t len = answer->len < MAX_BODY ? answer->len : MAX_BODY;
    json_t *root, *error = NULL;
    struct error err;
    char *text;

    if (json_parse(mem, answer->body, answer->len, &root, &err))
        error = json_object_get(root, "error");
    if (error && said_error(mem, error, said)) {
        json_object_set(details, "error", error);
    } else if (!text_is_blank(answer->body, len)) {
        text = text_clean(mem, answer->body, len);
        text[text_cut(text, strlen(text), MAX_BODY)] = '\0';
        json_object_set_new(details, "body", json_string(text));
    }
}

static void fail(void *mem, struct attempt *attempt,
                 const struct web_answer *answer)
{
    struct said said = {0};
    struct failure failure = {
        .code = talloc_asprintf(mem, "http_%d", answer->status),
        .details = details_new(mem, answer->status),
        .final = !web_status_is_passing(answer->status),
    };

    read_body(mem, answer, failure.details, &said);
    failure.message =
        said.message
            ? said.message
            : talloc_asprintf(mem, "the server answered with status %d",
                              answer->status);
    failure.keeps_artifacts = said.keeps_artifacts;
    if (answer->retry_after)
        failure.retry_after_ms =
            web_retry_after_ms(answer->retry_after, clock_now_ms());
    attempt_fail(attempt, &failure);
}

/* ------------------------------------------------------------ any */

void web_answer_end(struct attempt *attempt, const struct web_answer *answer)
{
    static const struct failure too_large = RESULT_TOO_LARGE;
    void *mem = talloc_new(NULL);
    char *result;

    if (answer->status < 200 || answer->status > 299) {
        fail(mem, attempt, answer);
    } else if (answer->len > RESULT_MAX) {
        attempt_fail(attempt, &too_large);
    } else {
        result = result_of_output(mem, answer->body, answer->len);
        attempt_complete(attempt, result, result ? strlen(result) : 0);
    }
    talloc_free(mem);
}
