#include "fastcgi_params.h"

#include "fcgi_record.h"
#include "lane.h"

#include <inttypes.h>
#include <talloc.h>

/* What any script may expect of a web server. */
static void add_cgi(struct buf *out, const struct job_type *type,
                    const char *length)
{
    fcgi_add_param(out, "GATEWAY_INTERFACE", "CGI/1.1");
    fcgi_add_param(out, "SERVER_PROTOCOL", "HTTP/1.1");
    fcgi_add_param(out, "SERVER_SOFTWARE", "millrace");
    fcgi_add_param(out, "REQUEST_METHOD", "POST");
    fcgi_add_param(out, "REQUEST_URI", type->script);
    fcgi_add_param(out, "SCRIPT_NAME", type->script);
    fcgi_add_param(out, "SCRIPT_FILENAME", type->script);
    fcgi_add_param(out, "QUERY_STRING", "");
    fcgi_add_param(out, "CONTENT_TYPE", "application/json");
    fcgi_add_param(out, "CONTENT_LENGTH", length);
}

/* So an error that is not caught is an answer with status 500 and a line of the
 * log; else PHP may show it in an answer with status 200. */
static void add_php(struct buf *out, const struct job_type *type)
{
    for (const char **pair = type->params; pair && *pair; pair += 2)
        if (!strcmp(pair[0], "PHP_VALUE"))
            return;
    fcgi_add_param(out, "PHP_VALUE",
                   "display_errors=0\nhtml_errors=0\nlog_errors=1");
}

static void add_number(struct buf *out, const char *name, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, number);
    fcgi_add_param(out, name, text);
}

static void add_dirs(struct buf *out, const char *workdir)
{
    char *input = talloc_asprintf(NULL, "%s/input", workdir);
    char *output = talloc_asprintf(NULL, "%s/output", workdir);

    fcgi_add_param(out, "MILLRACE_INPUT_DIR", input);
    fcgi_add_param(out, "MILLRACE_OUTPUT_DIR", output);
    talloc_free(input);
    talloc_free(output);
}

static void add_job(struct buf *out, const struct attempt *attempt)
{
    fcgi_add_param(out, "MILLRACE_JOB_ID", attempt->id);
    fcgi_add_param(out, "MILLRACE_TYPE", attempt->lane->type->type);
    fcgi_add_param(out, "MILLRACE_JOB_TYPE", attempt->lane->type->type);
    add_number(out, "MILLRACE_ATTEMPT", attempt->number);
    add_number(out, "MILLRACE_MAX_ATTEMPTS", attempt->max_attempts);
    add_number(out, "MILLRACE_TIMEOUT_MS", attempt->timeout_ms);
    if (attempt->workdir)
        add_dirs(out, attempt->workdir);
}

void fastcgi_add_request(struct buf *out, const struct attempt *attempt)
{
    const struct job_type *type = attempt->lane->type;
    size_t len = strlen(attempt->payload);
    char length[24];

    snprintf(length, sizeof(length), "%zu", len);
    fcgi_add_begin(out);
    add_cgi(out, type, length);
    add_php(out, type);
    for (const char **pair = type->params; pair && *pair; pair += 2)
        fcgi_add_param(out, pair[0], pair[1]);
    add_job(out, attempt);
    fcgi_add_params_end(out);
    fcgi_add_body(out, attempt->payload, len);
}
