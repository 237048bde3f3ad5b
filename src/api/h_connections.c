#include "api.h"
#include "clock.h"
#include "connection.h"
#include "connection_read.h"
#include "connection_try.h"
#include "handlers.h"
#include "owned.h"
#include "uuid.h"

#include <string.h>
#include <talloc.h>

#define PATH           "/api/connections"
#define STANDARD_LIMIT 100

/* ------------------------------------------------------------ read */

static void send_list(struct request *req, struct response *res,
                      const struct connection *list, int count, bool more)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, CONNECTION_THINGS);
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        connection_write(out, &list[i]);
        json_end(out);
    }
    json_end(out);
    if (more)
        owned_next(out, req, list[count - 1].owner, list[count - 1].name);
    json_end(out);
    http_send(res, 200, out);
}

bool get_connections(struct request *req, struct response *res,
                     struct error *err)
{
    const char *owner, *after_owner, *after_name;
    struct connection *list;
    int64_t limit;
    struct db *db;
    int count;

    if (!owned_listed(req, CONNECTION_THINGS, &owner, err) ||
        !owned_cursor(req, &after_owner, &after_name, err) ||
        !http_arg_int(req, "limit", 1, CONNECTION_LIST_MOST, STANDARD_LIMIT,
                      &limit, err) ||
        !http_db(req, &db, err) ||
        !connection_list(db, req, owner, after_owner, after_name,
                         (int)limit + 1, &list, &count, err))
        return false;
    send_list(req, res, list, count > limit ? (int)limit : count,
              count > limit);
    return true;
}

/* As it is in the database now. */
static bool send_one(struct request *req, struct response *res, int status,
                     const char *owner, const char *id, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct connection connection;
    struct db *db;

    if (!http_db(req, &db, err) ||
        !connection_find(db, req, owner, id, &connection, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    connection_write(out, &connection);
    json_end(out);
    http_send(res, status, out);
    return true;
}

bool get_connection(struct request *req, struct response *res,
                    struct error *err)
{
    const char *owner;

    return owned_by(req, CONNECTION_THINGS, &owner, err) &&
           send_one(req, res, 200, owner, req->params[0], err);
}

/* ------------------------------------------------------------ write */

static bool same(const char *a, const char *b)
{
    return !strcmp(a, b);
}

/* Whether the password goes to the server that it was given for. */
static bool leads_to_the_same(const struct connection *a,
                              const struct connection *b)
{
    return same(a->kind, b->kind) && same(a->host, b->host) &&
           a->port == b->port && same(a->user, b->user);
}

/* The password that the connection has from now on, NULL: none; `old` is what
 * is replaced, without an id where it is new. */
static bool password_of(struct request *req, const struct connection_form *form,
                        const struct connection *old,
                        const struct seal_key *key, char **ret,
                        struct error *err)
{
    *ret = NULL;
    if (form->has_password) {
        *ret = talloc_strdup(req, form->password);
        return true;
    }
    if (!old->sealed)
        return true;
    if (!leads_to_the_same(old, &form->connection))
        return error_set(err, ERROR_MISMATCH, "password_required",
                         "the connection leads elsewhere now: give its "
                         "password again, or null");
    return connection_unseal(req, key, old, ret, err);
}

static bool test(struct request *req, struct response *res,
                 struct connection_form *form, const char *password,
                 struct error *err)
{
    http_db_done(req);
    return !form->test || connection_try(req, res, &form->connection, password,
                                         &form->connection.server_version, err);
}

static bool save(struct request *req, struct response *res,
                 struct connection_form *form, const struct connection *old,
                 const struct seal_key *key, struct error *err)
{
    struct connection *c = &form->connection;
    char *password;
    struct db *db;

    if (!password_of(req, form, old, key, &password, err) ||
        !test(req, res, form, password, err))
        return false;
    if (password)
        c->sealed = connection_seal(req, key, c, password);
    return http_db(req, &db, err) &&
           connection_put(db, c, !old->id, form->test, err);
}

static bool save_with_key(struct request *req, struct response *res,
                          struct connection_form *form,
                          const struct connection *old, struct error *err)
{
    bool needed =
        form->has_password ? form->password != NULL : old->sealed != NULL;
    struct seal_key key;
    bool ok;

    if (needed && !seal_key_read(req->api->conf->key_file, &key, err))
        return false;
    ok = save(req, res, form, old, &key, err);
    seal_key_wipe(&key);
    return ok;
}

/* `old` without an id: there is none yet. */
static bool put(struct request *req, struct response *res, const char *owner,
                const char *name, const struct connection *old,
                struct error *err)
{
    struct connection_form form;
    char id[UUID_TEXT];

    if (!connection_read(req, name, &form, err))
        return false;
    uuid_new(clock_now_ms(), id);
    form.connection.id = old->id ? old->id : id;
    form.connection.owner = owner;
    if (!save_with_key(req, res, &form, old, err) ||
        !send_one(req, res, old->id ? 200 : 201, owner, form.connection.id,
                  err))
        return false;
    if (!old->id)
        http_header(req, res, "Location",
                    owned_place(req, PATH, owner, form.connection.id));
    return true;
}

bool post_connection(struct request *req, struct response *res,
                     struct error *err)
{
    static const struct connection none;
    const char *owner;

    return owned_by(req, CONNECTION_THINGS, &owner, err) &&
           put(req, res, owner, NULL, &none, err);
}

/* A name that is not there yet becomes one; an id does not. */
bool put_connection(struct request *req, struct response *res,
                    struct error *err)
{
    struct connection old = {0};
    const char *owner;
    struct db *db;

    if (!owned_by(req, CONNECTION_THINGS, &owner, err) ||
        !http_db(req, &db, err))
        return false;
    if (connection_find(db, req, owner, req->params[0], &old, err))
        return put(req, res, owner, old.name, &old, err);
    return err->kind == ERROR_NOT_FOUND && !uuid_valid(req->params[0]) &&
           put(req, res, owner, req->params[0], &old, err);
}

bool delete_connection(struct request *req, struct response *res,
                       struct error *err)
{
    struct connection connection;
    struct db *db;

    return connection_of_path(req, &db, &connection, err) &&
           connection_delete(db, connection.id, err) && http_done(req, res);
}

/* ------------------------------------------------------------ test */

static bool try_saved(struct request *req, struct response *res,
                      const struct connection *c, const char **ret_version,
                      struct error *err)
{
    struct seal_key key = {{0}};
    char *password = NULL;
    bool ok;

    if (c->sealed && !seal_key_read(req->api->conf->key_file, &key, err))
        return false;
    ok = connection_unseal(req, &key, c, &password, err);
    seal_key_wipe(&key);
    http_db_done(req);
    return ok && connection_try(req, res, c, password, ret_version, err);
}

bool test_connection(struct request *req, struct response *res,
                     struct error *err)
{
    struct connection connection;
    const char *version;
    struct db *db;

    return connection_of_path(req, &db, &connection, err) &&
           try_saved(req, res, &connection, &version, err) &&
           http_db(req, &db, err) &&
           connection_tested(db, connection.id, version, err) &&
           send_one(req, res, 200, connection.owner, connection.id, err);
}
