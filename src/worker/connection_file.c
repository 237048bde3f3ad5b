#include "connection_file.h"

#include "connection.h"
#include "connection_host.h"
#include "queries.h"
#include "secret.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

/* What is handed over; the chore's while it runs, else the loop's. */
struct handover {
    struct attempt *attempt;
    input_fn *done;
    const struct conf *conf;
    struct connection connection;
    char *file, *ca_file;
    char *password;   /* NULL: there is none */
    struct error err; /* kind is ERROR_NONE where all went well */
};

char *connection_named(void *mem, const struct job_type *type,
                       const char *payload)
{
    char *name = NULL;
    json_t *json, *member;

    if (!type->connection || !payload)
        return NULL;
    json = json_loads(payload, JSON_DECODE_ANY, NULL);
    member = json_object_get(json, "connection");
    if (json_is_string(member))
        name = talloc_strdup(mem, json_string_value(member));
    json_decref(json);
    return name;
}

char *connection_file_path(void *mem, const struct attempt *attempt)
{
    return talloc_asprintf(mem, "%s/connection.json", attempt->workdir);
}

static void wipe(char *text)
{
    if (text)
        sodium_memzero(text, strlen(text));
}

/* ------------------------------------------------------------ on a thread */

static bool write_file(const char *path, const char *text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len;

    if (fd >= 0)
        close(fd);
    return ok || error_set(err, ERROR_UNAVAILABLE, "connection_failed",
                           "cannot write %s: %m", path);
}

static bool write_files(struct handover *handover, struct error *err)
{
    const char *certificate = handover->connection.ca_certificate;
    void *mem = talloc_new(NULL);
    char *text = connection_text(mem, &handover->connection, handover->password,
                                 certificate ? handover->ca_file : NULL);
    bool ok =
        (!certificate || write_file(handover->ca_file, certificate, err)) &&
        write_file(handover->file, text, err);

    wipe(text);
    talloc_free(mem);
    return ok;
}

/* A connection without a password needs no key. */
static bool open_password(struct handover *handover, struct error *err)
{
    struct seal_key key;
    bool ok;

    if (!handover->connection.sealed)
        return true;
    if (!seal_key_read(handover->conf->key_file, &key, err))
        return false;
    ok = connection_unseal(handover, &key, &handover->connection,
                           &handover->password, err);
    seal_key_wipe(&key);
    return ok;
}

static void hand_over(void *arg)
{
    struct handover *handover = arg;
    struct error err = {0};

    if (!connection_host_allowed(handover->conf->connection_hosts,
                                 handover->connection.host, &err) ||
        !open_password(handover, &err) || !write_files(handover, &err))
        handover->err = err;
}

/* ------------------------------------------------------------ in the loop */

/* What another attempt will not find otherwise. */
static bool is_final(const struct error *err)
{
    static const char *const codes[] = {"unknown_connection",
                                        "unsupported_connection",
                                        "forbidden_host", "sealed_connection"};

    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (!strcmp(err->code, codes[i]))
            return true;
    return false;
}

static void end(struct handover *handover, const struct error *err)
{
    struct failure failure = {0};

    if (err)
        failure = (struct failure){
            .code = err->code, .message = err->text, .final = is_final(err)};
    handover->done(handover->attempt, err ? &failure : NULL);
    talloc_free(handover);
}

static void on_handed_over(void *arg)
{
    struct handover *handover = arg;
    struct attempt *attempt = handover->attempt;

    if (handover->password) {
        attempt->secrets =
            secrets_with(attempt, attempt->secrets, handover->password);
        wipe(handover->password);
    }
    end(handover, handover->err.kind ? &handover->err : NULL);
}

/* It was there when the job was stored. */
static bool check_connection(const struct handover *handover,
                             const struct db_result *rows, struct error *err)
{
    const struct attempt *attempt = handover->attempt;
    const char *kind = handover->connection.kind;

    if (db_count(rows) == 0)
        return error_set(err, ERROR_NOT_FOUND, "unknown_connection",
                         "there is no connection \"%.200s\" any more",
                         attempt->connection);
    return type_takes_connection(attempt->lane->type, kind) ||
           error_set(err, ERROR_INVALID, "unsupported_connection",
                     "the connection \"%.200s\" is to %s, which the type does "
                     "not take",
                     attempt->connection, kind);
}

static void on_connection(struct db_result *rows, const struct error *why,
                          void *arg)
{
    struct handover *handover = arg;
    struct attempt *attempt = handover->attempt;
    struct error err;

    if (!rows) {
        input_not_asked(attempt, why);
        err = *why;
        err.code = "connection_failed";
        end(handover, &err);
        return;
    }
    if ((db_count(rows) > 0 &&
         !connection_row(rows, 0, &handover->connection, &err)) ||
        !check_connection(handover, rows, &err)) {
        end(handover, &err);
        return;
    }
    talloc_steal(handover, rows);
    chore_do(attempt->worker->lookups, hand_over, on_handed_over, handover);
}

void connection_file_make(struct attempt *attempt, input_fn *done)
{
    struct handover *handover = talloc_zero(NULL, struct handover);

    handover->attempt = attempt;
    handover->done = done;
    handover->conf = attempt->worker->conf;
    handover->file = connection_file_path(handover, attempt);
    handover->ca_file =
        talloc_asprintf(handover, "%s/ca.pem", attempt->workdir);
    dba_query(attempt->worker->asking, SQL_RUN_CONNECTION,
              DB_ARGS(attempt->id, attempt->connection), on_connection,
              handover);
}
