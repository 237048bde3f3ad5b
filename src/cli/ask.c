#include "ask.h"

#include "json.h"
#include "pick.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <time.h>
#include <unistd.h>

/* How often a request is repeated that came too early, and after how long at
 * most: nothing has happened that could happen twice. */
#define PATIENCE        3
#define LONGEST_PAUSE_S 5

/* The file of settings to read, NULL for the usual one. That one may be for the
 * daemons only: then whoever says by other means what is needed does not need
 * it. */
static const char *config_of(const struct cli *cli)
{
    static const char standard[] = SYSCONFDIR "/millrace/millrace.conf";
    const char *config = cli_value(cli, "--config");
    const char *named = getenv("MILLRACE_CONFIG");

    if (config || (named && *named))
        return config ? config : named;
    return access(standard, F_OK) == 0 && access(standard, R_OK) != 0
               ? "/dev/null"
               : NULL;
}

static const char *or_else(const char *given, const char *standard)
{
    return given ? given : standard;
}

static const char *login_name(void *mem)
{
    const struct passwd *entry = getpwuid(geteuid());

    return entry ? talloc_strdup(mem, entry->pw_name)
                 : talloc_asprintf(mem, "%u", (unsigned)geteuid());
}

static bool open_http(struct cli *cli, const char *url, const char *token,
                      struct error *err)
{
    if (cli_value(cli, "--as"))
        return error_set(err, ERROR_INVALID, "usage",
                         "--as is for the database (--sql): over HTTP the "
                         "token says who asks");
    cli->transport = transport_http(cli->mem, url, token);
    return true;
}

static bool open_transport(struct cli *cli, struct error *err)
{
    const char *url = cli_value(cli, "--url"),
               *token = cli_value(cli, "--token");
    bool sql = cli_flag(cli, "--sql");
    const char *config = config_of(cli);
    struct conf conf;

    if (sql && (url || token))
        return error_set(err, ERROR_INVALID, "usage",
                         "--sql excludes --url and --token");
    if (!cli_conf_from(cli, config, &conf, err))
        return false;
    if (!sql && *or_else(url, conf.url) && *or_else(token, conf.token))
        return open_http(cli, or_else(url, conf.url),
                         or_else(token, conf.token), err);
    if (url || token)
        return error_set(err, ERROR_INVALID, "usage",
                         "a URL and a token belong together: %s is missing "
                         "(--%s or %s)",
                         url ? "the token" : "the URL", url ? "token" : "url",
                         url ? "MILLRACE_TOKEN" : "MILLRACE_URL");
    cli->transport =
        transport_cgi(cli->mem, &conf, config,
                      or_else(cli_value(cli, "--as"), login_name(cli->mem)));
    return true;
}

bool ask_transport(struct cli *cli, struct transport **ret, struct error *err)
{
    if (!cli->transport && !open_transport(cli, err))
        return false;
    *ret = cli->transport;
    return true;
}

/* What a refused caller can do about it. */
static enum error_kind kind_of(int status, const char *code)
{
    bool away = !strcmp(code, "database_unavailable") ||
                !strcmp(code, "unavailable") || !strcmp(code, "timeout");

    if (status == 404 && strcmp(code, "no_such_route") != 0)
        return ERROR_NOT_FOUND;
    if (status == 502 || status == 504 || (status == 503 && away))
        return ERROR_UNAVAILABLE;
    return status == 401 ? ERROR_DENIED : ERROR_CONFLICT;
}

static bool refuse(struct cli *cli, const struct answer *answer,
                   struct error *err)
{
    const char *code = pick_text(answer->json, "error.code");
    const char *message = pick_text(answer->json, "error.message");
    const char *after = answer->retry_after;

    if (!*code)
        return error_set(
            err, answer->status >= 500 ? ERROR_UNAVAILABLE : ERROR_CONFLICT,
            "refused",
            "%s answered %d, and not as Millrace does: is it the "
            "right address?",
            cli->transport->place, answer->status);
    cli->refusal = talloc_strndup(cli->mem, answer->body, answer->len);
    if (!strcmp(code, "no_such_route"))
        message =
            "the server does not know this: it is older than this program";
    return error_set(
        err, kind_of(answer->status, code), "refused", "%s (%s)%s%s%s", message,
        code, *after ? "; try again in " : "", after, *after ? " s" : "");
}

/* Whether it is worth asking again, after the pause that was asked for. */
static bool pause_for(const struct answer *answer, int nth)
{
    long seconds = strtol(answer->retry_after, NULL, 10);

    if (answer->status != 429 || nth >= PATIENCE || seconds < 1 ||
        seconds > LONGEST_PAUSE_S)
        return false;
    nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
    return true;
}

static bool exchange(struct cli *cli, void *mem, const struct ask *ask,
                     struct answer *ret, struct error *err)
{
    struct transport *transport;
    int nth = 0;

    if (!ask_transport(cli, &transport, err))
        return false;
    do {
        if (!transport->send(transport, mem, ask, ret, err))
            return false;
    } while (pause_for(ret, nth++));
    return true;
}

bool ask_send(struct cli *cli, void *mem, const struct ask *ask,
              struct answer *ret, struct error *err)
{
    struct error ignored;
    struct answer answer;

    if (!exchange(cli, mem, ask, &answer, err))
        return false;
    if (answer.len > 0 &&
        !json_parse(mem, answer.body, answer.len, &answer.json, &ignored))
        answer.json = NULL;
    if (answer.status < 200 || answer.status >= 300 ||
        (answer.len > 0 && !answer.json))
        return refuse(cli, &answer, err);
    *ret = answer;
    return true;
}

bool ask(struct cli *cli, void *mem, const char *method, const char *path,
         const char *body, struct answer *ret, struct error *err)
{
    return ask_send(cli, mem,
                    &(struct ask){.method = method, .path = path, .body = body},
                    ret, err);
}

void ask_print(const struct answer *answer)
{
    fwrite(answer->body, 1, answer->len, stdout);
    if (answer->len == 0 || answer->body[answer->len - 1] != '\n')
        putchar('\n');
}
