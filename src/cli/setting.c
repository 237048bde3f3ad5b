#include "setting.h"

#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* A positive number; *text is then behind its digits. */
static bool read_count(const char **text, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno || *ret < 1)
        return false;
    *text = end;
    return true;
}

/* "100/1m" or "100/1m:20"; without the last *ret_burst stays as it is. */
static bool read_rate(void *mem, const char *text, int64_t *ret_limit,
                      char **ret_per, int64_t *ret_burst)
{
    struct error ignored;
    int64_t ms;

    if (!read_count(&text, ret_limit) || *text++ != '/')
        return false;
    *ret_per = talloc_strndup(mem, text, strcspn(text, ":"));
    if (!duration_parse(*ret_per, &ms, &ignored) || ms == 0)
        return false;
    text += strlen(*ret_per);
    return !*text || (text++, read_count(&text, ret_burst) && !*text);
}

static bool bad_rate(const char *option, const char *text, struct error *err)
{
    return error_set(err, ERROR_INVALID, "usage",
                     "%s takes N/TIME or N/TIME:BURST, such as 100/1m or "
                     "100/1m:20, or none; not \"%s\"",
                     option, text);
}

bool setting_rate(const char *option, const char *text, const char *member,
                  struct json_out *out, struct error *err)
{
    void *mem = talloc_new(NULL);
    int64_t limit, burst = 0;
    char *per;
    bool ok = read_rate(mem, text, &limit, &per, &burst);

    if (ok) {
        json_begin_object(out, member);
        json_add_int(out, "limit", limit);
        json_add_string(out, "per", per);
        if (burst > 0)
            json_add_int(out, "burst", burst);
        json_end(out);
    }
    talloc_free(mem);
    return ok || bad_rate(option, text, err);
}

static bool write_setting(const struct cli *cli, const struct setting *setting,
                          const char *value, struct json_out *out,
                          struct error *err)
{
    int64_t number;

    if (!strcmp(value, "none")) {
        json_add_null(out, setting->member);
        return true;
    }
    if (setting->is_rate)
        return setting_rate(setting->option, value, setting->member, out, err);
    if (!cli_int(cli, setting->option, 0, INT32_MAX, 0, &number, err))
        return false;
    json_add_int(out, setting->member, number);
    return true;
}

bool setting_body(const struct cli *cli, void *mem,
                  const struct setting *settings, size_t count,
                  const char **ret, struct error *err)
{
    struct json_out *out = json_out_new(mem);
    bool any = false;

    json_begin_object(out, NULL);
    for (size_t i = 0; i < count; i++) {
        const char *value = cli_value(cli, settings[i].option);

        if (value && !write_setting(cli, &settings[i], value, out, err))
            return false;
        any |= value != NULL;
    }
    json_end(out);
    *ret = json_out_text(out, NULL);
    return any || cli_usage(cli, err, "nothing is to be set");
}
