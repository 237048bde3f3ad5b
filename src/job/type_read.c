#include "retry.h"
#include "type_member.h"

#include <string.h>
#include <talloc.h>

static bool read_retry(void *mem, const struct member *member, json_t *value,
                       struct job_type *type, struct error *err)
{
    struct retry policy = retry_default;

    (void)member;
    if (!retry_read(value, &policy, err))
        return false;
    type->retry = type_json_text(mem, value);
    return true;
}

static bool read_forget(void *mem, const struct member *member, json_t *value,
                        struct job_type *type, struct error *err)
{
    (void)mem, (void)type;
    return json_is_boolean(value) ||
           member_refuse(member->name, "true or false", err);
}

/* clang-format off */
static const struct member file_members[] = {
    {"type",             member_name,         AT(type),         0,    0},
    {"description",      member_text,         AT(description),  0,    0},
    {"run",              type_read_run,       0,                0,    0},
    {"queue",            member_name,         AT(queue),        0,    0},
    {"priority",         member_number,       AT(priority),     -100, 100},
    {"timeout",          member_duration,     AT(timeout_ms),   0,    0},
    {"maxAttempts",      member_number,       AT(max_attempts), 1,    100},
    {"retry",            read_retry,          0,                0,    0},
    {"concurrency",      member_number,       AT(concurrency),  1,    100000},
    {"perWorker",        member_number,       AT(per_worker),   1,    100000},
    {"rateLimit",        type_read_rate,      CHECKED,          0,    0},
    {"concurrencyKey",   type_read_key,       CHECKED,          0,    0},
    {"concurrencyLimit", member_number,       CHECKED,          1,    100000},
    {"serialKey",        type_read_key,       CHECKED,          0,    0},
    {"fairKey",          type_read_key,       CHECKED,          0,    0},
    {"unique",           type_read_unique,    CHECKED,          0,    0},
    {"expiresIn",        member_duration,     CHECKED,          0,    0},
    {"heartbeatTimeout", member_duration,     CHECKED,          0,    0},
    {"payloadSchema",    type_read_schema,    CHECKED,          0,    0},
    {"forgetSecrets",    read_forget,         CHECKED,          0,    0},
    {"connection",       type_read_connection, 0,               0,    0},
    {"retention",        type_read_retention, 0,                0,    0},
    {"limits",           type_read_limits,    0,                0,    0},
    {"sandbox",          type_read_sandbox,   0,                0,    0},
};
/* clang-format on */

/* What no single member can tell. */
static bool check_whole(const struct job_type *type, json_t *root,
                        struct error *err)
{
    if (!type->type)
        return type_missing("type", err);
    if (!json_object_get(root, "run"))
        return type_missing("run", err);
    return type_check_run(type, root, err) && type_check_options(root, err) &&
           type_check_sandbox(type, err) && type_check_connection(type, err);
}

static bool read_root(void *mem, json_t *root, struct job_type *type,
                      struct error *err)
{
    if (!json_is_object(root))
        return member_refuse("a job type", "an object", err);
    if (!member_object(mem, "", file_members, COUNT(file_members), root, type,
                       err) ||
        !check_whole(type, root, err))
        return false;
    type->options = type_options_text(mem, root);
    return true;
}

bool type_read(void *mem, const char *text, size_t len, struct job_type *ret,
               struct error *err)
{
    struct job_type type = {
        .description = "",
        .queue = "default",
        .timeout_ms = 600000,
        .max_attempts = 3,
        .processes = 1,
        .pipeline = 1,
        .connect_timeout_ms = 5000,
        .max_response = 1024 * 1024,
    };
    void *scratch = talloc_new(NULL);
    json_t *root;
    bool ok = json_parse(scratch, text, len, &root, err) &&
              read_root(mem, root, &type, err);

    talloc_free(scratch);
    if (ok) {
        type.text = talloc_strndup(mem, text, len);
        *ret = type;
    }
    return ok;
}
