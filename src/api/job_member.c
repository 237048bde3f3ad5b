#include "job_member.h"
#include "clock.h"
#include "retry.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

#define MAX_FILES 100
#define MAX_NEEDS 1000
#define MAX_NAME  100 /* of types and queues */

#define LONGEST_MS (INT64_C(3650) * 24 * 3600 * 1000)

static bool wrong(const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_member", "%s", what);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

/* As the tables have it: a letter or digit, then those and . _ - */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    if (!is_alnum(name[0]) || len > MAX_NAME)
        return false;
    for (const char *c = name; *c; c++)
        if (!is_alnum(*c) && !strchr("._-", *c))
            return false;
    return true;
}

/* A name as all of them are. The rule is part of the message. */
static bool read_name(const char *member, const json_t *value, const char **ret,
                      struct error *err)
{
    const char *name = json_string_value(value);

    if (!name || !is_name(name))
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "%s must be a string of 1 to %d letters, digits, "
                         "dots, hyphens and underscores, and begin with a "
                         "letter or digit",
                         member, MAX_NAME);
    *ret = name;
    return true;
}

static bool read_type(struct reading *in, json_t *value, struct error *err)
{
    return read_name("type", value, &in->job->type, err);
}

static bool read_document_type(struct reading *in, json_t *value,
                               struct error *err)
{
    return read_name("documentType", value, &in->job->type, err);
}

static bool read_queue(struct reading *in, json_t *value, struct error *err)
{
    return read_name("queue", value, &in->job->queue, err);
}

static bool read_payload(struct reading *in, json_t *value, struct error *err)
{
    (void)value, (void)err;
    in->job->payload = json_member_text(in->mem, in->text, in->len, "payload");
    return true;
}

static bool priority_by_word(const char *word, int64_t *ret)
{
    static const struct {
        const char *word;
        int priority;
    } words[] = {
        {"high",   50 },
        {"medium", 0  },
        {"low",    -50}
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!strcmp(word, words[i].word)) {
            *ret = words[i].priority;
            return true;
        }
    }
    return false;
}

static bool read_priority(struct reading *in, json_t *value, struct error *err)
{
    int64_t priority = json_integer_value(value);
    bool known = json_is_string(value)
                     ? priority_by_word(json_string_value(value), &priority)
                     : json_is_integer(value);

    if (!known || priority < -ENQUEUE_PRIORITY || priority > ENQUEUE_PRIORITY)
        return wrong(
            "priority must be a whole number from -100 to 100, or "
            "\"high\", \"medium\" or \"low\"",
            err);
    in->job->priority = db_int(in->mem, priority);
    return true;
}

static bool read_run_at(struct reading *in, json_t *value, struct error *err)
{
    int64_t at;

    if (!json_is_string(value))
        return wrong("runAt must be a time such as \"2030-01-31T08:00:00Z\"",
                     err);
    if (!clock_parse(json_string_value(value), &at, err)) {
        error_prefix(err, "runAt");
        return false;
    }
    in->job->run_at = clock_text(in->mem, at);
    in->job->later = at > clock_now_ms();
    return true;
}

static bool take_duration(const char *member, const json_t *value, int64_t *ret,
                          struct error *err)
{
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "%s must be a duration such as \"90s\" or \"10m\"",
                         member);
    if (duration_parse(json_string_value(value), ret, err))
        return true;
    error_prefix(err, "%s", member);
    return false;
}

static bool take_ms(const char *member, const json_t *value, int64_t *ret,
                    struct error *err)
{
    int64_t ms = json_integer_value(value);

    if (!json_is_integer(value) || ms < 0 || ms > LONGEST_MS)
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "%s must be a number of milliseconds, 10 years at "
                         "most",
                         member);
    *ret = ms;
    return true;
}

static bool set_delay(struct reading *in, int64_t ms, struct error *err)
{
    if (in->job->delay_ms)
        return wrong("give delay or delayMs, not both", err);
    in->job->delay_ms = db_int(in->mem, ms);
    in->job->later = ms > 0;
    return true;
}

static bool read_delay(struct reading *in, json_t *value, struct error *err)
{
    int64_t ms = 0;

    return take_duration("delay", value, &ms, err) && set_delay(in, ms, err);
}

static bool read_delay_ms(struct reading *in, json_t *value, struct error *err)
{
    int64_t ms = 0;

    return take_ms("delayMs", value, &ms, err) && set_delay(in, ms, err);
}

static bool set_timeout(struct reading *in, int64_t ms, struct error *err)
{
    if (in->job->timeout_ms)
        return wrong("give timeout or timeoutMs, not both", err);
    if (ms == 0)
        return wrong("the timeout must be longer than 0", err);
    in->job->timeout_ms = db_int(in->mem, ms);
    return true;
}

static bool read_timeout(struct reading *in, json_t *value, struct error *err)
{
    int64_t ms = 0;

    return take_duration("timeout", value, &ms, err) &&
           set_timeout(in, ms, err);
}

static bool read_timeout_ms(struct reading *in, json_t *value,
                            struct error *err)
{
    int64_t ms = 0;

    return take_ms("timeoutMs", value, &ms, err) && set_timeout(in, ms, err);
}

static bool read_max_attempts(struct reading *in, json_t *value,
                              struct error *err)
{
    int64_t count = json_integer_value(value);

    if (!json_is_integer(value) || count < 1 || count > ENQUEUE_ATTEMPTS)
        return wrong("maxAttempts must be a whole number from 1 to 100", err);
    in->job->max_attempts = db_int(in->mem, count);
    return true;
}

static bool read_retry(struct reading *in, json_t *value, struct error *err)
{
    struct retry retry = retry_default;

    if (!retry_read(value, &retry, err))
        return false;
    in->job->retry = json_member_text(in->mem, in->text, in->len, "retry");
    return true;
}

static size_t count_chars(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static bool is_tag(const char *text)
{
    return text && *text && count_chars(text) <= ENQUEUE_TAG_LEN;
}

static bool is_file(const char *text)
{
    return text && uuid_valid(text);
}

/* An array of at most `most` strings that are all right, as an array parameter;
 * NULL if it is something else. */
static const char *read_strings(void *mem, const json_t *value, size_t most,
                                bool (*is_right)(const char *))
{
    struct db_array *array = db_array_new(mem);
    size_t i;
    json_t *item;

    if (!json_is_array(value) || json_array_size(value) > most)
        return NULL;
    json_array_foreach(value, i, item) {
        if (!is_right(json_string_value(item)))
            return NULL;
        db_array_add(array, json_string_value(item));
    }
    return db_array_text(array);
}

static bool read_tags(struct reading *in, json_t *value, struct error *err)
{
    in->job->tags = read_strings(in->mem, value, ENQUEUE_TAGS, is_tag);
    return in->job->tags ||
           wrong("tags must be up to 20 strings of 1 to 100 characters", err);
}

static bool read_files(struct reading *in, json_t *value, struct error *err)
{
    in->job->files = read_strings(in->mem, value, MAX_FILES, is_file);
    return in->job->files ||
           wrong("files must be up to 100 ids of uploaded files", err);
}

/* A rare option: the database checks it, which gets it as it was written. */
static bool read_rare(struct reading *in, json_t *value, struct error *err)
{
    const char *before = in->job->extra;

    (void)value, (void)err;
    in->job->extra = talloc_asprintf(
        in->mem, "%s%s\"%s\":%s", before ? before : "", before ? "," : "",
        in->name, json_member_text(in->mem, in->text, in->len, in->name));
    return true;
}

/* It says whose share of a queue a job takes: who may choose takes more. */
static bool read_fair_key(struct reading *in, json_t *value, struct error *err)
{
    in->job->admin_only = true;
    return read_rare(in, value, err);
}

static bool read_depends_on(struct reading *in, json_t *value,
                            struct error *err)
{
    if (json_is_array(value) && json_array_size(value) > MAX_NEEDS)
        return wrong("dependsOn must be up to 1000 ids of jobs", err);
    in->job->needs = json_member_text(in->mem, in->text, in->len, in->name);
    return true;
}

static bool read_ref(struct reading *in, json_t *value, struct error *err)
{
    if (!is_tag(json_string_value(value)))
        return wrong("ref must be a string of 1 to 100 characters", err);
    in->job->ref = json_string_value(value);
    return true;
}

/* To add a member: 1. its reader above, 2. a row here, 3. doc/openapi.yaml. A
 * rare one: a row here, and millrace.job_extra() in SQL. */
static const struct job_member members[] = {
    {"type",                read_type,         false},
    {"payload",             read_payload,      true },
    {"queue",               read_queue,        false},
    {"priority",            read_priority,     false},
    {"runAt",               read_run_at,       false},
    {"delay",               read_delay,        false},
    {"delayMs",             read_delay_ms,     false},
    {"timeout",             read_timeout,      false},
    {"timeoutMs",           read_timeout_ms,   false},
    {"maxAttempts",         read_max_attempts, false},
    {"retry",               read_retry,        false},
    {"tags",                read_tags,         false},
    {"files",               read_files,        false},
    {"uniqueKey",           read_rare,         false},
    {"unique",              read_rare,         false},
    {"dependsOn",           read_depends_on,   false},
    {"ref",                 read_ref,          false},
    {"onDependencyFailure", read_rare,         false},
    {"batchId",             read_rare,         false},
    {"concurrencyKey",      read_rare,         false},
    {"concurrencyLimit",    read_rare,         false},
    {"rateLimit",           read_rare,         false},
    {"serialKey",           read_rare,         false},
    {"fairKey",             read_fair_key,     false},
    {"expiresAt",           read_rare,         false},
    {"expiresIn",           read_rare,         false},
    {"heartbeatTimeout",    read_rare,         false},
};

static const struct job_member document_members[] = {
    {"documentType", read_document_type, false},
    {"priority",     read_priority,      false},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct job_member *find(const struct job_member *table,
                                     size_t count, const char *name)
{
    for (const struct job_member *m = table; m < table + count; m++)
        if (!strcmp(m->name, name))
            return m;
    return NULL;
}

const struct job_member *job_member_find(const char *name)
{
    return find(members, COUNT(members), name);
}

const struct job_member *job_member_of_document(const char *name)
{
    return find(document_members, COUNT(document_members), name);
}
