#include "connection_read.h"
#include "owned.h"
#include "uuid.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

#define MAX_NAME        100
#define MAX_HOST        253
#define MAX_WORD        128
#define MAX_PASSWORD    4096
#define MAX_CERTIFICATE 65536

struct member;

typedef bool read_fn(const struct member *member, json_t *value,
                     struct connection_form *form, struct error *err);

/* A member that a description may have. */
struct member {
    const char *name;
    read_fn *read;
    size_t offset; /* of a text, in struct connection */
    size_t most;   /* bytes of it */
    bool required;
};

static bool refuse(const struct member *member, const char *want,
                   struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_member", "%s must be %s",
                     member->name, want);
}

static const char **place(const struct member *member,
                          struct connection_form *form)
{
    return (const char **)(void *)((char *)&form->connection + member->offset);
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool read_text(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    const char *text = json_string_value(value);

    if (!text || !*text || strlen(text) > member->most || !is_plain(text))
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "%s must be a text of 1 to %zu bytes without control "
                         "characters",
                         member->name, member->most);
    *place(member, form) = text;
    return true;
}

static bool read_name(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    if (!read_text(member, value, form, err))
        return false;
    if (uuid_valid(form->connection.name) || strchr(form->connection.name, '/'))
        return refuse(member, "a name without a slash, and not like an id",
                      err);
    return true;
}

static bool read_kind(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    const char *kind = json_string_value(value);

    if (!kind || (strcmp(kind, "postgresql") != 0 &&
                  strcmp(kind, "mysql") != 0 && strcmp(kind, "mariadb") != 0))
        return refuse(member, "\"postgresql\", \"mysql\" or \"mariadb\"", err);
    form->connection.kind =
        strcmp(kind, "postgresql") != 0 ? "mysql" : "postgresql";
    return true;
}

/* No list of hosts, and no socket: who connects to those is this server. */
static bool read_host(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    const char *host = json_string_value(value);

    if (!host || !*host || strlen(host) > MAX_HOST || *host == '-' ||
        host[strspn(host, letters)])
        return refuse(member, "the name or address of one host", err);
    form->connection.host = host;
    return true;
}

static bool read_port(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    json_int_t port = json_integer_value(value);

    if (!json_is_integer(value) || port < 1 || port > 65535)
        return refuse(member, "a whole number from 1 to 65535", err);
    form->connection.port = (int32_t)port;
    return true;
}

static bool read_password(const struct member *member, json_t *value,
                          struct connection_form *form, struct error *err)
{
    const char *text = json_string_value(value);

    if (!json_is_null(value) && (!text || strlen(text) > MAX_PASSWORD))
        return refuse(member, "a text of at most 4096 bytes, or null", err);
    form->has_password = true;
    form->password = text && *text ? text : NULL;
    return true;
}

static bool read_ssl_mode(const struct member *member, json_t *value,
                          struct connection_form *form, struct error *err)
{
    const char *mode = json_string_value(value);

    for (const char *const *known = connection_ssl_modes; *known; known++)
        if (mode && !strcmp(mode, *known)) {
            form->connection.ssl_mode = *known;
            return true;
        }
    return refuse(member,
                  "\"disable\", \"prefer\", \"require\", \"verify-ca\" or "
                  "\"verify-full\"",
                  err);
}

static bool read_certificate(const struct member *member, json_t *value,
                             struct connection_form *form, struct error *err)
{
    const char *text = json_string_value(value);

    if (!text || strlen(text) > MAX_CERTIFICATE ||
        !strstr(text, "-----BEGIN CERTIFICATE-----"))
        return refuse(member, "certificates in PEM form, 65536 bytes at most",
                      err);
    form->connection.ca_certificate = text;
    return true;
}

static bool read_test(const struct member *member, json_t *value,
                      struct connection_form *form, struct error *err)
{
    form->test = json_is_true(value);
    return json_is_boolean(value) || refuse(member, "true or false", err);
}

#define TEXT(member_) offsetof(struct connection, member_)

/* clang-format off */
static const struct member members[] = {
    {"name",          read_name,        TEXT(name),     MAX_NAME, true },
    {"kind",          read_kind,        0,              0,        true },
    {"host",          read_host,        0,              0,        true },
    {"port",          read_port,        0,              0,        false},
    {"database",      read_text,        TEXT(database), MAX_WORD, true },
    {"user",          read_text,        TEXT(user),     MAX_WORD, true },
    {"password",      read_password,    0,              0,        false},
    {"sslMode",       read_ssl_mode,    0,              0,        false},
    {"caCertificate", read_certificate, 0,              0,        false},
    {"test",          read_test,        0,              0,        false},
};
/* clang-format on */

#define MEMBERS (sizeof(members) / sizeof(*members))

static const struct member *find(const char *name)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (!strcmp(members[i].name, name))
            return &members[i];
    return NULL;
}

/* Null is as if it were left out; for a password it says that there is none. */
static bool read_member(const char *name, json_t *value,
                        struct connection_form *form, struct error *err)
{
    const struct member *member = find(name);

    if (!member)
        return error_set(err, ERROR_INVALID, "unknown_member",
                         "there is no member \"%.80s\"; there are name, kind, "
                         "host, port, database, user, password, sslMode, "
                         "caCertificate and test",
                         name);
    if (json_is_null(value) && member->read != read_password)
        return true;
    return member->read(member, value, form, err);
}

static bool check_whole(json_t *body, const char *name, struct error *err)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        json_t *value = json_object_get(body, members[i].name);
        bool is_name = members[i].read == read_name;

        if (members[i].required && !(is_name && name) &&
            (!value || json_is_null(value)))
            return error_set(err, ERROR_INVALID, "missing_member",
                             "%s is missing", members[i].name);
    }
    return true;
}

bool connection_read(struct request *req, const char *name,
                     struct connection_form *ret, struct error *err)
{
    struct connection_form form = {.test = true, .connection.name = name};
    const char *member;
    json_t *body, *value;

    if (name && strlen(name) > MAX_NAME)
        return error_set(err, ERROR_INVALID, "invalid_member",
                         "name must be a text of 1 to %d bytes", MAX_NAME);
    if (!http_json(req, &body, err) || !check_whole(body, name, err))
        return false;
    json_object_foreach(body, member, value) {
        if (!read_member(member, value, &form, err))
            return false;
    }
    if (!form.connection.port)
        form.connection.port =
            !strcmp(form.connection.kind, "mysql") ? 3306 : 5432;
    if (form.connection.ca_certificate && !form.connection.ssl_mode)
        form.connection.ssl_mode = "verify-full";
    *ret = form;
    return true;
}

bool connection_of_path(struct request *req, struct db **ret_db,
                        struct connection *ret, struct error *err)
{
    const char *owner;

    return owned_by(req, CONNECTION_THINGS, &owner, err) &&
           http_db(req, ret_db, err) &&
           connection_find(*ret_db, req, owner, req->params[0], ret, err);
}

void connection_write(struct json_out *out, const struct connection *c)
{
    json_add_string(out, "id", c->id);
    json_add_string(out, "name", c->name);
    json_add_string(out, "kind", c->kind);
    json_add_string(out, "host", c->host);
    json_add_int(out, "port", c->port);
    json_add_string(out, "database", c->database);
    json_add_string(out, "user", c->user);
    json_add_bool(out, "hasPassword", c->sealed != NULL);
    json_may_string(out, "sslMode", c->ssl_mode);
    json_may_string(out, "caCertificate", c->ca_certificate);
    json_may_string(out, "serverVersion", c->server_version);
    json_may_time(out, "testedAt", c->tested_at);
    if (c->trained_by) {
        json_begin_object(out, "schemaCache");
        json_add_string(out, "jobId", c->trained_by);
        json_add_time(out, "trainedAt", c->trained_at);
        json_may_raw(out, "counts", c->counts);
        json_end(out);
    }
    json_add_string(out, "owner", c->owner);
    json_add_time(out, "createdAt", c->created_at);
    json_add_time(out, "updatedAt", c->updated_at);
}
