#include "api.h"
#include "auth.h"
#include "bell.h"
#include "handlers.h"
#include "report.h"
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#define MOST_LINES 1000 /* of one report */

/* What a report has, and where it goes. */
struct said {
    struct request *req;
    struct report *report;
};

static bool refuse(const char *member, const char *want, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_member", "%s must be %s",
                     member, want);
}

static bool read_progress(struct said *said, json_t *value, struct error *err)
{
    double percent = json_number_value(value);

    if (!json_is_number(value) || percent < 0 || percent > 100)
        return refuse("progress", "a number from 0 to 100", err);
    said->report->percent = (int)floor(percent);
    return true;
}

static bool read_message(struct said *said, json_t *value, struct error *err)
{
    said->report->message = json_string_value(value);
    return (said->report->message &&
            strlen(said->report->message) <= RUN_LOG_LINE) ||
           refuse("message", "a text of at most 8192 bytes", err);
}

static bool add_line(struct said *said, const char *text, size_t len)
{
    struct report *report = said->report;

    if (len > 0 && text[len - 1] == '\r')
        len--;
    if (report->line_count == MOST_LINES)
        return false;
    report->lines[report->line_count++] = talloc_strndup(said->req, text, len);
    return true;
}

/* A text of one or several lines. */
static bool add_text(struct said *said, json_t *value)
{
    const char *text = json_string_value(value);
    bool ok = text != NULL;

    while (ok && *text) {
        size_t len = strcspn(text, "\n");

        ok = add_line(said, text, len);
        text += len + (text[len] == '\n');
    }
    return ok;
}

static bool read_log(struct said *said, json_t *value, struct error *err)
{
    bool ok = json_is_string(value) || json_is_array(value);
    json_t *line;
    size_t i;

    said->report->lines = talloc_array(said->req, const char *, MOST_LINES);
    if (json_is_string(value))
        ok = add_text(said, value);
    json_array_foreach(value, i, line) {
        ok = ok && add_text(said, line);
    }
    return ok ||
           refuse("log", "a text or an array of texts, 1000 lines in all", err);
}

static bool read_result(struct said *said, json_t *value, struct error *err)
{
    struct request *req = said->req;

    (void)value;
    said->report->result =
        json_member_text(req, req->text, req->text_len, "result");
    return (said->report->result &&
            strlen(said->report->result) <= RUN_RESULT) ||
           refuse("result", "JSON of at most 1 MB", err);
}

static const struct {
    const char *name;
    bool (*read)(struct said *said, json_t *value, struct error *err);
} members[] = {
    {"progress", read_progress},
    {"message",  read_message },
    {"log",      read_log     },
    {"result",   read_result  },
};

static bool read_member(struct said *said, const char *name, json_t *value,
                        struct error *err)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        if (!strcmp(members[i].name, name))
            return members[i].read(said, value, err);
    return error_set(err, ERROR_INVALID, "unknown_member",
                     "there is no member \"%.80s\"; there are progress, "
                     "message, log and result",
                     name);
}

static bool read_report(struct request *req, struct report *ret,
                        struct error *err)
{
    struct said said = {req, ret};
    const char *name;
    json_t *body, *value;
    char *end;
    long attempt = strtol(req->params[1], &end, 10);

    if (*end || attempt < 1 || attempt > INT16_MAX)
        return error_set(err, ERROR_INVALID, "invalid_attempt",
                         "the number of an attempt is 1 or more");
    ret->attempt = (int)attempt;
    ret->percent = -1;
    if (!http_id(req, &ret->id, err) || !http_json(req, &body, err))
        return false;
    json_object_foreach(body, name, value) {
        if (!read_member(&said, name, value, err))
            return false;
    }
    return true;
}

static void send_taken(struct request *req, struct response *res,
                       const struct report_taken *taken)
{
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_bool(out, "cancelling", taken->cancelling);
    if (taken->log_full)
        json_add_bool(out, "logFull", true);
    json_end(out);
    http_send(res, 200, out);
}

bool post_report(struct request *req, struct response *res, struct error *err)
{
    const char *token = auth_bearer(req);
    struct report_taken taken;
    struct report report = {0};
    struct db *db;

    if (!token)
        return error_set(err, ERROR_DENIED, "missing_token",
                         "send \"Authorization: Bearer\" and what the request "
                         "had as Millrace-Report-Token");
    if (!read_report(req, &report, err) || !http_db(req, &db, err) ||
        !report_take(db, req, token, &report, &taken, err))
        return false;
    bell_ring(req->api->conf->run_dir, "events");
    if (taken.freed)
        bell_ring(req->api->conf->run_dir, "jobs");
    send_taken(req, res, &taken);
    return true;
}
