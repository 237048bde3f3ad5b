#include "said.h"

#include "clock.h"
#include "recorder.h"
#include "text.h"
#include "worker.h"

#include <math.h>
#include <string.h>
#include <talloc.h>

#define MAX_CODE    100
#define MAX_MESSAGE 8192
#define DAY_MS      86400000

/* A copy that is no longer than it may be. */
static char *short_copy(void *mem, json_t *string, size_t max)
{
    const char *text = json_string_value(string);
    size_t len = json_string_length(string);

    return talloc_strndup(mem, text, text_cut(text, len, max));
}

static bool is_text_or_none(json_t *value)
{
    return !value || json_is_null(value) || json_is_string(value);
}

bool said_error(void *mem, json_t *error, struct said *ret)
{
    json_t *code = json_object_get(error, "code");
    json_t *message = json_object_get(error, "message");
    json_t *details = json_object_get(error, "details");

    if (json_is_string(error)) {
        ret->message = short_copy(mem, error, MAX_MESSAGE);
        return true;
    }
    if (!json_is_object(error) || !is_text_or_none(code) ||
        !is_text_or_none(message))
        return false;
    ret->code =
        json_string_length(code) ? short_copy(mem, code, MAX_CODE) : NULL;
    ret->message = json_string_length(message)
                       ? short_copy(mem, message, MAX_MESSAGE)
                       : NULL;
    ret->details = json_is_null(details) ? NULL : details;
    ret->keeps_artifacts = json_is_true(json_object_get(error, "artifacts"));
    return true;
}

bool said_progress(struct attempt *attempt, json_t *line)
{
    json_t *progress = json_object_get(line, "progress");
    json_t *message = json_object_get(line, "message");
    double percent = json_number_value(progress);

    if (!is_text_or_none(message) ||
        (progress && !json_is_null(progress) && !json_is_number(progress)))
        return false;
    recorder_progress(
        attempt->worker->recorder, attempt,
        json_is_number(progress) ? (int)fmin(fmax(floor(percent), 0), 100) : -1,
        json_string_value(message), json_string_length(message));
    return true;
}

int64_t said_retry_after(json_t *value)
{
    struct error err;
    int64_t ms = 0;

    if (json_is_string(value) &&
        !duration_parse(json_string_value(value), &ms, &err))
        return 0;
    if (json_is_number(value))
        ms =
            (int64_t)(fmin(fmax(json_number_value(value), 0), DAY_MS / 1000.0) *
                      1000);
    return ms;
}
