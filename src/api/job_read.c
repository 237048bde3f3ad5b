#include "job_read.h"
#include "clock.h"
#include "job_member.h"

#include <string.h>
#include <talloc.h>

static bool read_member(struct reading *in, const struct job_member *member,
                        json_t *value, struct error *err)
{
    if (json_is_null(value) && !member->takes_null)
        return true;
    in->name = member->name;
    return member->read(in, value, err);
}

static bool unknown(const char *name, struct error *err)
{
    return error_set(err, ERROR_INVALID, "unknown_member",
                     "there is no member \"%.80s\"; known are type, payload, "
                     "queue, priority, runAt, delay, timeout, maxAttempts, "
                     "retry, tags, files, uniqueKey, unique, dependsOn, ref, "
                     "onDependencyFailure, batchId, concurrencyKey, "
                     "concurrencyLimit, rateLimit, serialKey, fairKey, "
                     "expiresAt, expiresIn and heartbeatTimeout",
                     name);
}

static bool read_plain(struct reading *in, json_t *json,
                       const char **ret_member, struct error *err)
{
    json_t *value;

    json_object_foreach(json, *ret_member, value) {
        const struct job_member *m = job_member_find(*ret_member);

        if (!m)
            return unknown(*ret_member, err);
        if (!read_member(in, m, value, err))
            return false;
    }
    *ret_member = NULL;
    return true;
}

/* The name of a member, its escapes resolved. */
static const char *name_of(void *mem, const struct json_member *member)
{
    json_t *string;
    char *name;

    if (!memchr(member->name, '\\', member->name_len))
        return talloc_strndup(mem, member->name, member->name_len);
    /* With the quotes around it, it is a JSON text by itself. */
    string = json_loadb(member->name - 1, member->name_len + 2, JSON_DECODE_ANY,
                        NULL);
    name = talloc_strdup(mem, json_string_value(string));
    json_decref(string);
    return name;
}

/* The object without the members that were taken out of it, as written. */
static const char *rest_of(struct reading *in)
{
    char *rest = talloc_strdup(in->mem, "{");
    struct json_member member;
    size_t at = 0;

    while (json_next_member(in->text, in->len, &at, &member)) {
        if (job_member_of_document(name_of(in->mem, &member)))
            continue;
        rest = talloc_asprintf_append_buffer(
            rest, "%s\"%.*s\": %.*s", rest[1] ? ", " : "", (int)member.name_len,
            member.name, (int)member.value_len, member.value);
    }
    return talloc_strdup_append_buffer(rest, "}");
}

static bool read_document(struct reading *in, json_t *json,
                          const char **ret_member, struct error *err)
{
    json_t *value;

    json_object_foreach(json, *ret_member, value) {
        const struct job_member *m = job_member_of_document(*ret_member);

        if (m && !read_member(in, m, value, err))
            return false;
    }
    *ret_member = NULL;
    in->job->payload = rest_of(in);
    return true;
}

bool job_read(void *mem, json_t *json, const char *text, size_t len,
              struct new_job *ret, const char **ret_member, struct error *err)
{
    struct new_job job = {.payload = "{}"};
    struct reading in = {.mem = mem, .text = text, .len = len, .job = &job};
    bool document =
        json_object_get(json, "documentType") && !json_object_get(json, "type");

    *ret_member = NULL;
    if (!(document ? read_document : read_plain)(&in, json, ret_member, err))
        return false;
    if (!job.type)
        return error_set(err, ERROR_INVALID, "missing_member",
                         "the member type is missing: it names the job type");
    if (job.run_at && job.delay_ms)
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "give runAt or delay, not both");
    uuid_new(clock_now_ms(), job.id);
    *ret = job;
    return true;
}
