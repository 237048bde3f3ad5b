#include "conf.h"
#include "conf_file.h"
#include "conf_hide.h"
#include "conf_value.h"
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#define CONF_FILE SYSCONFDIR "/millrace/millrace.conf"

struct setting {
    const char *name;
    enum conf_type type;
    size_t member;        /* its offset: const char *, or int64_t of a number */
    const char *standard; /* the default, in the form that is read */
    const char *min, *max; /* of a number, in the same form */
    const char *text;
};

#define AT(member_) offsetof(struct conf, member_)

/* clang-format off */
static const struct setting settings[] = {
    {"DATABASE_URL", CONF_TEXT, AT(database_url), "postgresql:///millrace",
     NULL, NULL, "PostgreSQL: a libpq URI or conninfo text"},
    {"MILLRACE_URL", CONF_TEXT, AT(url), "",
     NULL, NULL, "where the command line, and web servers, find the API"},
    {"MILLRACE_TOKEN", CONF_SECRET, AT(token), "",
     NULL, NULL, "the command line's token there"},
    {"MILLRACE_RUN_DIR", CONF_TEXT, AT(run_dir), "/run/millrace",
     NULL, NULL, "folder of the sockets"},
    {"MILLRACE_DATA_DIR", CONF_TEXT, AT(data_dir), "/var/lib/millrace",
     NULL, NULL, "folder of uploads, artifacts and work folders"},
    {"MILLRACE_TYPES_DIR", CONF_TEXT, AT(types_dir),
     SYSCONFDIR "/millrace/types.d",
     NULL, NULL, "folder of the job types"},
    {"MILLRACE_HANDLER_DIR", CONF_TEXT, AT(handler_dir), LIBEXECDIR "/millrace",
     NULL, NULL, "folder of handlers that are named without one"},
    {"MILLRACE_BUBBLEWRAP", CONF_TEXT, AT(bubblewrap), "/usr/bin/bwrap",
     NULL, NULL, "the program that makes sandboxes"},
    {"MILLRACE_KEY_FILE", CONF_TEXT, AT(key_file),
     SYSCONFDIR "/millrace/connection.key",
     NULL, NULL, "the key that seals the passwords of saved connections"},
    {"MILLRACE_CONNECTION_HOSTS", CONF_TEXT, AT(connection_hosts), "",
     NULL, NULL, "where these may lead, with commas: db.example.org, *.example.org, 10.0.0.0/8; empty is anywhere but link-local"},
    {"MILLRACE_LOG_LEVEL", CONF_LEVEL, AT(log_level), "info",
     NULL, NULL, "least level that is logged: error, warn, info or debug"},
    {"MILLRACE_API_SOCKET", CONF_TEXT, AT(api_socket), "",
     NULL, NULL, "path or host:port; empty is RUN_DIR/api.sock"},
    {"MILLRACE_STREAM_SOCKET", CONF_TEXT, AT(stream_socket), "",
     NULL, NULL, "path or host:port; empty is RUN_DIR/stream.sock"},
    {"MILLRACE_API_THREADS", CONF_COUNT, AT(api_threads), "128",
     "1", "2048", "requests served at once"},
    {"MILLRACE_API_CONNECTIONS", CONF_COUNT, AT(api_connections), "8",
     "1", "256", "connections of the API to PostgreSQL"},
    {"MILLRACE_API_WAITERS", CONF_COUNT, AT(api_waiters), "64",
     "0", "2048", "requests that may wait for a result at once"},
    {"MILLRACE_MAX_WAIT", CONF_DURATION, AT(max_wait), "60s",
     "0s", "1h", "longest that a request may wait for a result"},
    {"MILLRACE_MAX_BODY", CONF_BYTES, AT(max_body), "1MB",
     "1KB", "1GB", "largest JSON body"},
    {"MILLRACE_MAX_UPLOAD", CONF_BYTES, AT(max_upload), "1GB",
     "1KB", "1TB", "largest uploaded file"},
    {"MILLRACE_SESSION_TTL", CONF_DURATION, AT(session_ttl), "12h",
     "1s", "365d", "how long the cookie of a session is good"},
    {"MILLRACE_IDEMPOTENCY_TTL", CONF_DURATION, AT(idempotency_ttl), "24h",
     "1s", "365d", "how long an idempotency key is remembered"},
    {"MILLRACE_UPLOAD_TTL", CONF_DURATION, AT(upload_ttl), "1d",
     "1s", "365d", "how long a file is kept that no job uses"},
    {"MILLRACE_WORKER_NAME", CONF_TEXT, AT(worker_name), "",
     NULL, NULL, "unique and stable; empty is the name of the host"},
    {"MILLRACE_SLOTS", CONF_COUNT, AT(slots), "0",
     "0", "4096", "program jobs at once; 0 is two for each processor"},
    {"MILLRACE_QUEUES", CONF_TEXT, AT(queues), "",
     NULL, NULL, "queues a worker serves, with commas; mail=2 reserves slots; empty is all"},
    {"MILLRACE_GRACE", CONF_DURATION, AT(grace), "30s",
     "0s", "1d", "how long a stop waits for running jobs"},
    {"MILLRACE_KILL_GRACE", CONF_DURATION, AT(kill_grace), "5s",
     "0s", "1h", "from SIGTERM to SIGKILL for a job that must end"},
    {"MILLRACE_SSE_BUFFER", CONF_BYTES, AT(sse_buffer), "256KB",
     "4KB", "64MB", "unsent bytes a connection: past them events wait in the database"},
    {"MILLRACE_SSE_HEARTBEAT", CONF_DURATION, AT(sse_heartbeat), "15s",
     "100ms", "10m", "between comments on a quiet stream"},
};
/* clang-format on */

static const struct setting *const settings_end =
    settings + sizeof(settings) / sizeof(*settings);

static bool is_text(const struct setting *setting)
{
    return setting->type == CONF_TEXT || setting->type == CONF_SECRET ||
           setting->type == CONF_LEVEL;
}

static const char **text_member(struct conf *conf, const struct setting *s)
{
    return (const char **)(void *)((char *)conf + s->member);
}

static int64_t *number_member(struct conf *conf, const struct setting *s)
{
    return (int64_t *)(void *)((char *)conf + s->member);
}

static int64_t number(const struct setting *setting, const char *text)
{
    int64_t value = 0;
    bool ok = conf_value_read(setting->type, text, &value);

    assert(ok); /* it stands in the table */
    return value;
}

/* What would be right, behind what was wrong. */
static bool refuse(const struct setting *s, const char *value,
                   struct error *err)
{
    static const char *const kinds[] = {
        [CONF_COUNT] = "a whole number",
        [CONF_BYTES] = "a size",
        [CONF_DURATION] = "a duration",
    };

    if (s->type == CONF_LEVEL)
        return error_set(err, ERROR_INVALID, "invalid_setting",
                         "%s cannot be \"%s\": it takes error, warn, info or "
                         "debug",
                         s->name, value);
    return error_set(err, ERROR_INVALID, "invalid_setting",
                     "%s cannot be \"%s\": it takes %s from %s to %s, such as "
                     "%s",
                     s->name, value, kinds[s->type], s->min, s->max,
                     s->standard);
}

/* An empty value is the default. */
static bool assign(void *mem, struct conf *conf, const struct setting *s,
                   const char *value, struct error *err)
{
    enum log_level level;
    int64_t parsed;

    if (!*value)
        value = s->standard;
    if (is_text(s)) {
        if (s->type == CONF_LEVEL && !log_level_by_name(value, &level))
            return refuse(s, value, err);
        *text_member(conf, s) = talloc_strdup(mem, value);
        return true;
    }

    if (!conf_value_read(s->type, value, &parsed) ||
        parsed < number(s, s->min) || parsed > number(s, s->max))
        return refuse(s, value, err);
    *number_member(conf, s) = parsed;
    return true;
}

static const struct setting *setting_by_name(const char *name)
{
    for (const struct setting *s = settings; s < settings_end; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

static bool load_file(void *mem, const char *path, struct conf *conf,
                      struct error *err)
{
    void *scratch = talloc_new(mem);
    struct conf_line *lines = NULL;
    size_t count = 0;
    bool ok = conf_file_read(scratch, path, &lines, &count, err);

    for (size_t i = 0; ok && i < count; i++) {
        const struct setting *s = setting_by_name(lines[i].name);

        ok = s ? assign(mem, conf, s, lines[i].value, err)
               : error_set(err, ERROR_INVALID, "invalid_setting",
                           "there is no setting %s; --help lists them",
                           lines[i].name);
        if (!ok)
            error_prefix(err, "%s:%d", path, lines[i].number);
    }
    talloc_free(scratch);
    return ok;
}

static bool load_environment(void *mem, struct conf *conf, struct error *err)
{
    for (const struct setting *s = settings; s < settings_end; s++) {
        const char *value = getenv(s->name);

        if (value && !assign(mem, conf, s, value, err))
            return error_prefix(err, "environment");
    }
    return true;
}

/* The defaults that follow from other settings or from the host. */
static void derive(void *mem, struct conf *conf)
{
    char host[HOST_NAME_MAX + 1] = "localhost";

    if (!*conf->api_socket)
        conf->api_socket = talloc_asprintf(mem, "%s/api.sock", conf->run_dir);
    if (!*conf->stream_socket)
        conf->stream_socket =
            talloc_asprintf(mem, "%s/stream.sock", conf->run_dir);
    if (!*conf->worker_name) {
        gethostname(host, sizeof(host));
        conf->worker_name = talloc_strdup(mem, host);
    }
    if (conf->slots == 0)
        conf->slots = 2 * sysconf(_SC_NPROCESSORS_ONLN);
}

bool conf_load(void *mem, const char *file, struct conf *ret, struct error *err)
{
    const char *named = file ? file : getenv("MILLRACE_CONFIG");
    struct conf conf = {0};

    for (const struct setting *s = settings; s < settings_end; s++)
        if (!assign(mem, &conf, s, s->standard, err))
            return error_prefix(err, "default");

    if (named && *named) {
        if (!load_file(mem, named, &conf, err))
            return false;
    } else if (access(CONF_FILE, F_OK) == 0) {
        if (!load_file(mem, CONF_FILE, &conf, err))
            return false;
    }
    if (!load_environment(mem, &conf, err))
        return false;

    derive(mem, &conf);
    *ret = conf;
    return true;
}

/* The value as a line of a file would have it. */
static char *shown_value(void *mem, const struct conf *conf,
                         const struct setting *s)
{
    const void *member = (const char *)conf + s->member;
    const char *text;
    char quote;

    if (!is_text(s))
        return conf_value_text(mem, s->type, *(const int64_t *)member);
    text = conf_hide_password(mem, *(const char *const *)member);
    if (s->type == CONF_SECRET && *text)
        return talloc_strdup(mem, "***");
    if (!strpbrk(text, " \t#'\""))
        return talloc_strdup(mem, text);
    quote = strchr(text, '\'') ? '"' : '\'';
    return talloc_asprintf(mem, "%c%s%c", quote, text, quote);
}

void conf_print(const struct conf *conf, FILE *out)
{
    for (const struct setting *s = settings; s < settings_end; s++) {
        void *mem = talloc_new(NULL);
        char *value = shown_value(mem, conf, s);
        char *line = talloc_asprintf(mem, "%s=%s", s->name, value);

        fprintf(out, "%-44s # %s\n", line, s->text);
        talloc_free(mem);
    }
}

void conf_help(FILE *out)
{
    fprintf(out,
            "Settings with their defaults, from the environment or from "
            "a file of NAME=value\nlines (--config, $MILLRACE_CONFIG or "
            "%s):\n\n",
            CONF_FILE);
    for (const struct setting *s = settings; s < settings_end; s++) {
        fprintf(out, "  %-24s %-22s %s", s->name, s->standard, s->text);
        if (s->min)
            fprintf(out, " (%s to %s)", s->min, s->max);
        fputc('\n', out);
    }
}

static void usage(const char *program, FILE *out)
{
    fprintf(out, "usage: %s [--config FILE] [--help] [--version]\n\n", program);
    conf_help(out);
}

/* Leaves *ret_file alone where --config is not given. */
static bool read_options(int argc, char *argv[], const char **ret_file,
                         struct error *err)
{
    static const struct option options[] = {
        {"config",  required_argument, NULL, 'c'},
        {"help",    no_argument,       NULL, 'h'},
        {"version", no_argument,       NULL, 'v'},
        {NULL,      0,                 NULL, 0  },
    };
    int option;

    optind = 0; /* begin anew, whatever was read before */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            *ret_file = optarg;
            break;
        case 'h':
            usage(program_invocation_short_name, stdout);
            exit(EXIT_SUCCESS);
        case 'v':
            printf("%s %s\n", program_invocation_short_name, PACKAGE_VERSION);
            exit(EXIT_SUCCESS);
        default:
            return error_set(err, ERROR_INVALID, "invalid_option",
                             "bad option %s; --help shows the right ones",
                             argv[optind - 1]);
        }
    }
    if (optind < argc)
        return error_set(err, ERROR_INVALID, "invalid_option",
                         "unexpected argument %s; --help shows the usage",
                         argv[optind]);
    return true;
}

bool conf_read(void *mem, int argc, char *argv[], struct conf *ret,
               struct error *err)
{
    const char *file = NULL;

    return read_options(argc, argv, &file, err) &&
           conf_load(mem, file, ret, err);
}
