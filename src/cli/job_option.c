#include "job_option.h"

#include "buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* clang-format off */
const struct option job_options[] = {
    OPTION("--queue", "NAME", "the queue it waits in"),
    OPTION("--priority", "N", "-100 to 100, higher first; or high, medium, low", .words = "high medium low"),
    OPTION("--delay", "TIME", "not before so long from now, such as 10m"),
    OPTION("--run-at", "WHEN", "not before this time (RFC 3339)"),
    OPTION("--timeout", "TIME", "the longest that an attempt may take"),
    OPTION("--max-attempts", "N", "how often it is tried"),
    OPTION("--retry", "JSON", "the policy of retries, such as {\"delays\": [\"1s\", \"1m\"]}"),
    OPTION("--tag", "TEXT", "a tag; may be repeated"),
    OPTION("--file", "ID", "an uploaded file; may be repeated"),
    OPTION("--unique-key", "TEXT", "at most one job of this key at a time"),
    OPTION("--concurrency-key", "TEXT", "at most --concurrency-limit jobs of this key at once"),
    OPTION("--concurrency-limit", "N", "how many of that key (default 1)"),
    OPTION("--serial-key", "TEXT", "jobs of this key one after another, in order"),
    OPTION("--fair-key", "TEXT", "who shares the queue fairly (default: the owner)"),
    OPTION("--depends-on", "ID", "a job that must have completed; may be repeated"),
    OPTION("--on-dependency-failure", "WHAT", "when such a job fails: fail, cancel or run", .words = "fail cancel run"),
    OPTION("--batch", "ID", "a batch that it belongs to"),
    OPTION("--expires-in", "TIME", "not started by then: cancelled"),
    OPTION("--expires-at", "WHEN", "the same, as a time"),
    OPTION("--heartbeat-timeout", "TIME", "silent for so long: the attempt has failed"),
    OPTION("--option", "NAME=JSON", "any other option of a job; may be repeated"),
    {0},
};

enum form { AS_TEXT, AS_NUMBER, AS_LIST, AS_JSON };

static const struct {
    const char *option, *member;
    enum form form;
} members[] = {
    {"--queue",                 "queue",               AS_TEXT  },
    {"--priority",              "priority",            AS_NUMBER},
    {"--delay",                 "delay",               AS_TEXT  },
    {"--run-at",                "runAt",               AS_TEXT  },
    {"--timeout",               "timeout",             AS_TEXT  },
    {"--max-attempts",          "maxAttempts",         AS_NUMBER},
    {"--retry",                 "retry",               AS_JSON  },
    {"--tag",                   "tags",                AS_LIST  },
    {"--file",                  "files",               AS_LIST  },
    {"--unique-key",            "uniqueKey",           AS_TEXT  },
    {"--concurrency-key",       "concurrencyKey",      AS_TEXT  },
    {"--concurrency-limit",     "concurrencyLimit",    AS_NUMBER},
    {"--serial-key",            "serialKey",           AS_TEXT  },
    {"--fair-key",              "fairKey",             AS_TEXT  },
    {"--depends-on",            "dependsOn",           AS_LIST  },
    {"--on-dependency-failure", "onDependencyFailure", AS_TEXT  },
    {"--batch",                 "batchId",             AS_TEXT  },
    {"--expires-in",            "expiresIn",           AS_TEXT  },
    {"--expires-at",            "expiresAt",           AS_TEXT  },
    {"--heartbeat-timeout",     "heartbeatTimeout",    AS_TEXT  },
};
/* clang-format on */

/* Whether the text is a number as JSON has it. */
static bool is_number(const char *text)
{
    const char *digits = text + (*text == '-');
    size_t len = strspn(digits, "0123456789");

    return len > 0 && len < 10 && !digits[len] && (*digits != '0' || len == 1);
}

static bool write_json(void *mem, struct json_out *out, const char *option,
                       const char *member, const char *value, struct error *err)
{
    const char *json;

    if (!json_operand(mem, option, value, &json, err))
        return false;
    json_add_raw(out, member, json);
    return true;
}

static void write_list(const struct cli *cli, struct json_out *out,
                       const char *option, const char *member)
{
    const char *value;
    int at = 0;

    json_begin_array(out, member);
    while ((value = cli_next_value(cli, option, &at)))
        json_add_string(out, NULL, value);
    json_end(out);
}

static bool write_member(const struct cli *cli, void *mem, struct json_out *out,
                         size_t i, struct error *err)
{
    const char *option = members[i].option, *member = members[i].member;
    const char *value = cli_value(cli, option);

    if (!value)
        return true;
    if (members[i].form == AS_JSON)
        return write_json(mem, out, option, member, value, err);
    if (members[i].form == AS_LIST)
        write_list(cli, out, option, member);
    else if (members[i].form == AS_NUMBER && is_number(value))
        json_add_raw(out, member, value);
    else
        json_add_string(out, member, value);
    return true;
}

/* --option name=json */
static bool write_others(const struct cli *cli, void *mem, struct json_out *out,
                         struct error *err)
{
    const char *value;
    int at = 0;

    while ((value = cli_next_value(cli, "--option", &at))) {
        const char *equals = strchr(value, '=');

        if (!equals || equals == value)
            return error_set(err, ERROR_INVALID, "usage",
                             "--option takes NAME=JSON, not \"%s\"", value);
        if (!write_json(mem, out, value,
                        talloc_strndup(mem, value, (size_t)(equals - value)),
                        equals + 1, err))
            return false;
    }
    return true;
}

bool job_options_write(const struct cli *cli, void *mem, struct json_out *out,
                       struct error *err)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        if (cli_knows(cli, members[i].option) &&
            !write_member(cli, mem, out, i, err))
            return false;
    return !cli_knows(cli, "--option") || write_others(cli, mem, out, err);
}

static bool read_stream(void *mem, FILE *file, char **ret, size_t *ret_len)
{
    struct buf out;
    size_t count;

    buf_init(&out, mem, 65536);
    do {
        buf_grow(&out, 65536);
        count = fread(out.data + out.len, 1, 65536, file);
        out.len += count;
    } while (count > 0);
    buf_text(&out);
    *ret = out.data;
    *ret_len = out.len;
    return !ferror(file);
}

bool read_whole(void *mem, const char *path, char **ret, size_t *ret_len,
                struct error *err)
{
    bool is_stdin = !strcmp(path, "-");
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    bool ok = file && read_stream(mem, file, ret, ret_len);

    if (!ok)
        error_set(err, ERROR_INVALID, "unreadable", "cannot read %s: %m",
                  is_stdin ? "stdin" : path);
    if (file && !is_stdin)
        fclose(file);
    return ok;
}

bool json_operand(void *mem, const char *what, const char *word,
                  const char **ret, struct error *err)
{
    size_t len = strlen(word);
    char *text = talloc_strdup(mem, word);
    json_t *json;

    if ((!strcmp(word, "-") || *word == '@') &&
        !read_whole(mem, *word == '@' ? word + 1 : word, &text, &len, err))
        return false;
    if (!json_parse(mem, text, len, &json, err))
        return error_prefix(err, "%s", what);
    *ret = text;
    return true;
}
