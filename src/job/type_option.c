/*
 * What a type says of its jobs in the database: which of them run at once and
 * how fast, which are the same, and how long they are kept. The worker only
 * checks it and passes it on; the rules are SQL's.
 */
#include "type_member.h"

#include <string.h>
#include <talloc.h>

/* A place in the payload (RFC 6901), not the whole of it. */
static bool is_pointer(const char *text)
{
    if (*text != '/')
        return false;
    while ((text = strchr(text, '~'))) {
        if (text[1] != '0' && text[1] != '1')
            return false;
        text += 2;
    }
    return true;
}

bool type_read_key(void *mem, const struct member *member, json_t *value,
                   struct job_type *type, struct error *err)
{
    const char *key = json_string_value(value);

    (void)mem, (void)type;
    if (key && (!strcmp(key, "owner") || is_pointer(key)))
        return true;
    return member_refuse(member->name,
                         "\"owner\" or a pointer into the payload such as "
                         "\"/customer/id\"",
                         err);
}

/* ------------------------------------------------------------ rateLimit */

/* clang-format off */
static const struct member rate_members[] = {
    {"rateLimit.limit", member_number,   CHECKED, 1, 1000000},
    {"rateLimit.per",   member_duration, CHECKED, 0, 0},
    {"rateLimit.burst", member_number,   CHECKED, 1, 1000000},
    {"rateLimit.key",   type_read_key,   CHECKED, 0, 0},
};
/* clang-format on */

bool type_read_rate(void *mem, const struct member *member, json_t *value,
                    struct job_type *type, struct error *err)
{
    if (!json_is_object(value) || !json_object_get(value, "limit") ||
        !json_object_get(value, "per"))
        return member_refuse(member->name,
                             "an object with limit and per, such as "
                             "{\"limit\": 10, \"per\": \"1s\"}",
                             err);
    return member_object(mem, "rateLimit.", rate_members, COUNT(rate_members),
                         value, type, err);
}

/* ------------------------------------------------------------ unique */

static bool is_one_of(json_t *value, const char *const *words, size_t count)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text && i < count; i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

static bool read_by(void *mem, const struct member *member, json_t *value,
                    struct job_type *type, struct error *err)
{
    static const char *const words[] = {"type", "queue", "owner", "payload"};
    bool ok = json_array_size(value) > 0;
    json_t *part;
    size_t i;

    (void)mem, (void)type;
    json_array_foreach(value, i, part)
        ok = ok &&
             (is_one_of(part, words, COUNT(words)) ||
              (json_is_string(part) && is_pointer(json_string_value(part))));
    return ok || member_refuse(member->name,
                               "an array of \"type\", \"queue\", \"owner\", "
                               "\"payload\" and pointers into the payload such "
                               "as \"/customer/id\"",
                               err);
}

static bool read_states(void *mem, const struct member *member, json_t *value,
                        struct job_type *type, struct error *err)
{
    static const char *const words[] = {"scheduled", "pending",   "available",
                                        "active",    "retryable", "completed",
                                        "cancelled", "discarded"};
    bool ok = json_array_size(value) > 0;
    json_t *state;
    size_t i;

    (void)mem, (void)type;
    json_array_foreach(value, i, state)
        ok = ok && is_one_of(state, words, COUNT(words));
    return ok || member_refuse(member->name,
                               "an array of states: scheduled, pending, "
                               "available, active, retryable, completed, "
                               "cancelled, discarded",
                               err);
}

static bool read_conflict(void *mem, const struct member *member, json_t *value,
                          struct job_type *type, struct error *err)
{
    static const char *const words[] = {"return", "refuse", "replace"};

    (void)mem, (void)type;
    return is_one_of(value, words, COUNT(words)) ||
           member_refuse(member->name, "\"return\", \"refuse\" or \"replace\"",
                         err);
}

/* clang-format off */
static const struct member unique_members[] = {
    {"unique.by",         read_by,         CHECKED, 0, 0},
    {"unique.states",     read_states,     CHECKED, 0, 0},
    {"unique.within",     member_duration, CHECKED, 0, 0},
    {"unique.onConflict", read_conflict,   CHECKED, 0, 0},
};
/* clang-format on */

bool type_read_unique(void *mem, const struct member *member, json_t *value,
                      struct job_type *type, struct error *err)
{
    if (!json_is_object(value) || !json_object_get(value, "by"))
        return member_refuse(member->name,
                             "an object with by, such as {\"by\": [\"type\", "
                             "\"/customer/id\"]}",
                             err);
    return member_object(mem, "unique.", unique_members, COUNT(unique_members),
                         value, type, err);
}

/* ------------------------------------------------------------ retention */

static bool read_keeping(void *mem, const struct member *member, json_t *value,
                         struct job_type *type, struct error *err)
{
    if (json_is_null(value))
        return true;
    if (!json_is_string(value))
        return member_refuse(member->name,
                             "a duration such as \"7d\", or null to keep for "
                             "ever",
                             err);
    return member_duration(mem, member, value, type, err);
}

/* clang-format off */
static const struct member retention_members[] = {
    {"retention.completed", read_keeping, CHECKED, 0, 0},
    {"retention.failed",    read_keeping, CHECKED, 0, 0},
    {"retention.cancelled", read_keeping, CHECKED, 0, 0},
};
/* clang-format on */

bool type_read_retention(void *mem, const struct member *member, json_t *value,
                         struct job_type *type, struct error *err)
{
    if (!json_is_object(value))
        return member_refuse(member->name, "an object", err);
    if (!member_object(mem, "retention.", retention_members,
                       COUNT(retention_members), value, type, err))
        return false;
    type->retention = type_json_text(mem, value);
    return true;
}

/* ------------------------------------------------------------ all of them */

bool type_check_options(json_t *root, struct error *err)
{
    if (json_object_get(root, "concurrencyLimit") &&
        !json_object_get(root, "concurrencyKey"))
        return error_set(err, ERROR_INVALID, "invalid_type",
                         "concurrencyLimit is only for use with "
                         "concurrencyKey");
    return true;
}

const char *type_options_text(void *mem, json_t *root)
{
    static const char *const names[] = {
        "rateLimit",     "concurrencyKey",   "concurrencyLimit",
        "serialKey",     "fairKey",          "unique",
        "expiresIn",     "heartbeatTimeout", "payloadSchema",
        "forgetSecrets", "connection",
    };
    json_t *options = json_object();
    const char *text = NULL;

    for (size_t i = 0; i < COUNT(names); i++)
        if (json_object_get(root, names[i]))
            json_object_set(options, names[i], json_object_get(root, names[i]));
    if (json_object_size(options) > 0)
        text = type_json_text(mem, options);
    json_decref(options);
    return text;
}
