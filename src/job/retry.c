#include "retry.h"

#include "clock.h"

#include <string.h>

const struct retry retry_default = {
    .backoff = RETRY_EXPONENTIAL,
    .initial_ms = 1000,
    .max_ms = 600000,
    .jitter = true,
};

static bool read_backoff(json_t *value, struct retry *ret, struct error *err)
{
    static const char *const names[] = {
        [RETRY_EXPONENTIAL] = "exponential",
        [RETRY_LINEAR] = "linear",
        [RETRY_CONSTANT] = "constant",
    };
    const char *name = json_string_value(value);

    for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++) {
        if (!strcmp(name, names[i])) {
            ret->backoff = (enum retry_backoff)i;
            return true;
        }
    }
    return error_set(err, ERROR_INVALID, "invalid_retry",
                     "backoff must be \"exponential\", \"linear\" or "
                     "\"constant\"");
}

static bool read_duration(const char *name, json_t *value, int64_t *ret,
                          struct error *err)
{
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "invalid_duration",
                         "%s must be a duration such as \"90s\"", name);
    return duration_parse(json_string_value(value), ret, err) ||
           error_prefix(err, "%s", name);
}

static bool read_delays(json_t *value, struct retry *ret, struct error *err)
{
    size_t count = json_array_size(value), i;
    json_t *delay;

    if (count < 1 || count > RETRY_MAX_DELAYS)
        return error_set(err, ERROR_INVALID, "invalid_retry",
                         "delays must be an array of 1 to %d durations",
                         RETRY_MAX_DELAYS);
    json_array_foreach(value, i, delay)
        if (!read_duration("delays", delay, &ret->delays_ms[i], err))
            return false;
    ret->delay_count = (int)count;
    return true;
}

static bool read_member(const char *name, json_t *value, struct retry *ret,
                        struct error *err)
{
    if (!strcmp(name, "backoff"))
        return read_backoff(value, ret, err);
    if (!strcmp(name, "initial"))
        return read_duration(name, value, &ret->initial_ms, err);
    if (!strcmp(name, "max"))
        return read_duration(name, value, &ret->max_ms, err);
    if (!strcmp(name, "delays"))
        return read_delays(value, ret, err);
    if (strcmp(name, "jitter") != 0)
        return error_set(err, ERROR_INVALID, "unknown_member",
                         "there is no member \"%s\"", name);
    if (!json_is_boolean(value))
        return error_set(err, ERROR_INVALID, "invalid_retry",
                         "jitter must be true or false");
    ret->jitter = json_is_true(value);
    return true;
}

/* A list is instead of a backoff, and no default cuts it short. */
static bool settle_delays(json_t *json, struct retry *ret, struct error *err)
{
    if (!json_object_get(json, "delays"))
        return true;
    if (json_object_get(json, "backoff") || json_object_get(json, "initial"))
        return error_set(err, ERROR_INVALID, "invalid_retry",
                         "delays excludes backoff and initial");
    if (!json_object_get(json, "max"))
        ret->max_ms = INT64_MAX;
    return true;
}

bool retry_read(json_t *json, struct retry *ret, struct error *err)
{
    struct retry retry = *ret;
    const char *name;
    json_t *value;

    if (!json_is_object(json))
        return error_set(err, ERROR_INVALID, "invalid_retry",
                         "retry must be an object");
    json_object_foreach(json, name, value)
        if (!read_member(name, value, &retry, err))
            return error_prefix(err, "retry");
    if (!settle_delays(json, &retry, err))
        return error_prefix(err, "retry");
    *ret = retry;
    return true;
}

static int64_t listed_delay(const struct retry *retry, int attempt)
{
    int last = retry->delay_count - 1;

    return retry->delays_ms[attempt - 1 < last ? attempt - 1 : last];
}

/* The delay without jitter and not above the maximum; nothing overflows. */
static int64_t plain_delay(const struct retry *retry, int attempt)
{
    int64_t delay = retry->initial_ms;

    if (retry->delay_count > 0)
        return listed_delay(retry, attempt);
    if (retry->backoff == RETRY_CONSTANT)
        return delay;
    for (int i = 1; i < attempt && delay > 0 && delay < retry->max_ms; i++) {
        int64_t more =
            retry->backoff == RETRY_LINEAR ? retry->initial_ms : delay;

        delay = more > retry->max_ms - delay ? retry->max_ms : delay + more;
    }
    return delay;
}

int64_t retry_delay_ms(const struct retry *retry, int attempt, double random)
{
    int64_t delay = plain_delay(retry, attempt), half;

    if (delay > retry->max_ms)
        delay = retry->max_ms;
    if (!retry->jitter)
        return delay;
    half = delay / 2;
    return half + (int64_t)(random * (double)(delay - half + 1));
}
