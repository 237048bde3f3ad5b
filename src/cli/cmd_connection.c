#include "ask.h"
#include "job_option.h"
#include "password.h"
#include "pick.h"
#include "seal.h"
#include "show.h"
#include "term.h"
#include "url.h"

#include <stdio.h>
#include <string.h>
#include <talloc.h>

static char *connection_url(struct cli *cli, const char *pattern)
{
    return url_add(url_of(cli->mem, pattern, cli_operand(cli, 0)), "owner",
                   cli_value(cli, "--owner"));
}

static char *all_url(struct cli *cli)
{
    return url_add(talloc_strdup(cli->mem, "/api/connections"), "owner",
                   cli_value(cli, "--owner"));
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"NAME",     "name",                  CELL_TEXT, true },
        {"KIND",     "kind",                  CELL_TEXT, false},
        {"HOST",     "host",                  CELL_TEXT, true },
        {"PORT",     "port",                  CELL_TEXT, false},
        {"DATABASE", "database",              CELL_TEXT, true },
        {"USER",     "user",                  CELL_TEXT, true },
        {"OWNER",    "owner",                 CELL_TEXT, true },
        {"TESTED",   "testedAt",              CELL_TIME, false},
        {"TRAINED",  "schemaCache.trainedAt", CELL_TIME, false},
    };

    return show_page(cli, "/api/connections", "connections", columns,
                     COUNT(columns), err);
}

static bool cmd_show(struct cli *cli, struct error *err)
{
    static const struct column columns[] = {
        {"id",             "id",                    CELL_TEXT, false},
        {"name",           "name",                  CELL_TEXT, false},
        {"kind",           "kind",                  CELL_TEXT, false},
        {"host",           "host",                  CELL_TEXT, false},
        {"port",           "port",                  CELL_TEXT, false},
        {"database",       "database",              CELL_TEXT, false},
        {"user",           "user",                  CELL_TEXT, false},
        {"password",       "hasPassword",           CELL_TEXT, false},
        {"SSL mode",       "sslMode",               CELL_TEXT, false},
        {"owner",          "owner",                 CELL_TEXT, false},
        {"server version", "serverVersion",         CELL_TEXT, false},
        {"tested",         "testedAt",              CELL_TIME, false},
        {"schema read",    "schemaCache.trainedAt", CELL_TIME, false},
        {"by job",         "schemaCache.jobId",     CELL_TEXT, false},
        {"has",            "schemaCache.counts",    CELL_TEXT, false},
        {"created",        "createdAt",             CELL_TIME, false},
        {"updated",        "updatedAt",             CELL_TIME, false},
    };

    return show_record(cli, connection_url(cli, "/api/connections/%s"), columns,
                       COUNT(columns), err);
}

/* --- what it is */

/* What there is to say of it; the rest is the password. */
static const struct {
    const char *option, *member;
} texts[] = {
    {"--kind",     "kind"    },
    {"--host",     "host"    },
    {"--database", "database"},
    {"--user",     "user"    },
    {"--ssl-mode", "sslMode" },
};

static bool edit_text(json_t *body, const char *member, const char *value,
                      struct error *err)
{
    json_t *text = json_string(value);

    if (!text)
        return error_set(err, ERROR_INVALID, "invalid_utf8",
                         "%s must be valid UTF-8", member);
    json_object_set_new(body, member, text);
    return true;
}

static bool edit_certificate(struct cli *cli, json_t *body, struct error *err)
{
    const char *file = cli_value(cli, "--ca-file");
    size_t len;
    char *text;

    if (!file)
        return true;
    if (!*file) {
        json_object_del(body, "caCertificate");
        return true;
    }
    return read_whole(cli->mem, file, &text, &len, err) &&
           edit_text(body, "caCertificate", text, err);
}

static bool edit_place(struct cli *cli, json_t *body, struct error *err)
{
    int64_t port;

    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *value = cli_value(cli, texts[i].option);

        if (value && !edit_text(body, texts[i].member, value, err))
            return false;
    }
    if (!cli_int(cli, "--port", 1, 65535, 0, &port, err))
        return false;
    if (port > 0)
        json_object_set_new(body, "port", json_integer(port));
    else if (cli_value(cli, "--kind"))
        json_object_del(body, "port");
    if (!strcmp(pick_text(body, "sslMode"), "default"))
        json_object_del(body, "sslMode");
    if (cli_flag(cli, "--no-test"))
        json_object_set_new(body, "test", json_false());
    return edit_certificate(cli, body, err);
}

/* Without a word about it, it is asked for or stays. */
static bool edit_password(struct cli *cli, json_t *body, bool asks,
                          struct error *err)
{
    const char *file = cli_value(cli, "--password-file"), *password;

    if (cli_flag(cli, "--no-password")) {
        json_object_set_new(body, "password", json_null());
        return !file ||
               cli_usage(cli, err, "--no-password excludes --password-file");
    }
    if (!file && !asks)
        return true;
    return (file ? password_read(cli->mem, file, &password, err)
                 : password_ask(cli, &password, err)) &&
           edit_text(body, "password", password, err);
}

/* The body with what the options say. */
static bool edit(struct cli *cli, json_t *body, bool asks, const char **ret,
                 struct error *err)
{
    bool ok = edit_place(cli, body, err) && edit_password(cli, body, asks, err);

    if (ok)
        *ret = pick_any(cli->mem, body);
    return ok;
}

static bool cmd_create(struct cli *cli, struct error *err)
{
    json_t *body = json_object();
    const char *text;
    bool ok = edit_text(body, "name", cli_operand(cli, 0), err) &&
              edit(cli, body, true, &text, err) &&
              show_done(cli, "POST", all_url(cli), text, err, "%s is saved",
                        cli_operand(cli, 0));

    json_decref(body);
    return ok;
}

/* What a connection is, without what is only known of it. */
static json_t *copy_of(const json_t *answer)
{
    static const char *const members[] = {
        "name",     "kind", "host",    "port",
        "database", "user", "sslMode", "caCertificate",
    };
    json_t *copy = json_object();

    for (size_t i = 0; i < COUNT(members); i++)
        json_object_set(copy, members[i], json_object_get(answer, members[i]));
    return copy;
}

/* The API takes it whole. */
static bool cmd_change(struct cli *cli, struct error *err)
{
    char *url = connection_url(cli, "/api/connections/%s");
    const char *name = cli_value(cli, "--name"), *text;
    struct answer was;
    json_t *body;
    bool ok;

    if (!ask(cli, cli->mem, "GET", url, NULL, &was, err))
        return false;
    body = copy_of(was.json);
    ok = (!name || edit_text(body, "name", name, err)) &&
         edit(cli, body, cli_flag(cli, "--password"), &text, err) &&
         show_done(cli, "PUT", url, text, err, "%s is changed",
                   cli_operand(cli, 0));
    json_decref(body);
    return ok;
}

static bool cmd_delete(struct cli *cli, struct error *err)
{
    return show_done(cli, "DELETE", connection_url(cli, "/api/connections/%s"),
                     NULL, err, "%s is gone", cli_operand(cli, 0));
}

/* --- what it leads to */

static bool cmd_test(struct cli *cli, struct error *err)
{
    struct answer answer;

    if (!ask(cli, cli->mem, "POST",
             connection_url(cli, "/api/connections/%s/test"), NULL, &answer,
             err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        printf("%s works: the server is %s\n", cli_operand(cli, 0),
               term_clean(cli->mem, pick_text(answer.json, "serverVersion")));
    return true;
}

/* Prints the id of the job that was made. */
static bool cmd_train(struct cli *cli, struct error *err)
{
    const char *options = cli_operand(cli, 1), *body = NULL;
    struct answer answer;

    if ((options &&
         !json_operand(cli->mem, "the options", options, &body, err)) ||
        !ask(cli, cli->mem, "POST",
             url_of(cli->mem, "/api/connections/%s/train-schema",
                    cli_operand(cli, 0)),
             body, &answer, err))
        return false;
    if (cli_wants_json(cli))
        ask_print(&answer);
    else
        puts(pick_text(answer.json, "jobId"));
    return true;
}

/* What was read; a large schema is a file of the job that has read it. */
static bool print_schema(struct cli *cli, const struct answer *cache,
                         struct error *err)
{
    const char *url = pick_text(cache->json, "downloadUrl");
    const json_t *schema = pick(cache->json, "schema");
    struct answer file;

    if (*url) {
        if (!ask(cli, cli->mem, "GET", url, NULL, &file, err))
            return false;
        schema = file.json;
    }
    puts(pick_pretty(cli->mem, schema));
    return true;
}

static bool cmd_schema(struct cli *cli, struct error *err)
{
    char *url = connection_url(cli, "/api/connections/%s/schema-cache");
    struct answer answer;

    if (cli_flag(cli, "--forget"))
        return show_done(cli, "DELETE", url, NULL, err,
                         "what was known of %s is forgotten",
                         cli_operand(cli, 0));
    if (!ask(cli, cli->mem, "GET", url, NULL, &answer, err))
        return false;
    if (!cli_wants_json(cli))
        return print_schema(cli, &answer, err);
    ask_print(&answer);
    return true;
}

static bool cmd_key(struct cli *cli, struct error *err)
{
    const char *file = cli_value(cli, "--file");
    struct conf conf;

    if (!file) {
        if (!cli_conf(cli, &conf, err))
            return false;
        file = conf.key_file;
    }
    if (!seal_key_make(file, err))
        return false;
    printf("%s is made; keep a copy apart from the database's\n", file);
    return true;
}

/* clang-format off */
static const struct option place_options[] = {
    OPTION("--kind", "KIND", "of the database", .words = "postgresql mysql mariadb"),
    OPTION("--host", "HOST", "name or address of the server"),
    OPTION("--port", "PORT", "its port (default 5432 or 3306)"),
    OPTION("--database", "NAME", "the database"),
    OPTION("--user", "NAME", "who logs in"),
    OPTION("--password-file", "FILE", "the password is the first line of a file; - is stdin"),
    SWITCH("--no-password", "there is no password"),
    OPTION("--ssl-mode", "MODE", "how safe the way must be", .words = "default disable prefer require verify-ca verify-full"),
    OPTION("--ca-file", "FILE", "PEM certificates that vouch for the server (empty: the system's)"),
    SWITCH("--no-test", "save it without a try"),
    {0},
};

static const struct option change_options[] = {
    OPTION("--name", "NAME", "its new name"),
    SWITCH("--password", "ask for a new password"),
    {0},
};

static const struct option schema_options[] = {
    SWITCH("--forget", "forget it instead"),
    {0},
};

static const struct option key_options[] = {
    OPTION("--file", "FILE", "where (default: MILLRACE_KEY_FILE)"),
    {0},
};

const struct command connection_commands[] = {
    {"connection list", "", "list the saved connections", cmd_list, {page_options, owner_option, json_option}},
    {"connection show", "NAME", "show a connection whole, but for its password",
     cmd_show, {owner_option, json_option}},
    {"connection create", "NAME", "try and save a connection; asks for the password",
     cmd_create, {place_options, owner_option, json_option}},
    {"connection change", "NAME", "change what is given of a connection",
     cmd_change, {change_options, place_options, owner_option, json_option}},
    {"connection test", "NAME", "try a connection", cmd_test, {owner_option, json_option}},
    {"connection delete", "NAME", "forget a connection", cmd_delete, {owner_option, json_option}},
    {"connection train", "NAME [OPTIONS|-|@FILE]", "read the schema by a job, and print its id",
     cmd_train, {json_option}},
    {"connection schema", "NAME", "print the schema as it was read",
     cmd_schema, {schema_options, owner_option, json_option}},
    {"connection key", "", "make the key that seals the passwords", cmd_key, {key_options}},
    {0},
};
/* clang-format on */
