#include "report.h"

#include "clock.h"
#include "queries.h"
#include "run.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

/* The attempt as the database knows it. */
struct target {
    const char *worker, *report_key, *payload, *options;
    bool cancelling;
    int32_t log_lines;
    int64_t log_bytes;
};

static const struct db_column target_columns[] = {
    DB_COLUMN(struct target, worker),     DB_COLUMN(struct target, report_key),
    DB_COLUMN(struct target, payload),    DB_COLUMN(struct target, options),
    DB_COLUMN(struct target, cancelling), DB_COLUMN(struct target, log_lines),
    DB_COLUMN(struct target, log_bytes),  {0},
};

/* ------------------------------------------------------------ token */

void report_token(const char key[REPORT_KEY], const char *id, int attempt,
                  char ret[REPORT_TOKEN])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char text[64];

    snprintf(text, sizeof(text), "%.36s.%d", id, attempt);
    crypto_auth_hmacsha256(mac, (const void *)text, strlen(text),
                           (const void *)key);
    sodium_bin2hex(ret, REPORT_TOKEN, mac, sizeof(mac));
}

static bool token_is_good(const char *token, const struct target *target,
                          const struct report *report)
{
    char want[REPORT_TOKEN], key[REPORT_KEY];
    size_t len;

    return sodium_hex2bin((void *)key, sizeof(key), target->report_key,
                          strlen(target->report_key), NULL, &len, NULL) == 0 &&
           len == sizeof(key) && strlen(token) == REPORT_TOKEN - 1 &&
           (report_token(key, report->id, report->attempt, want),
            sodium_memcmp(want, token, REPORT_TOKEN - 1) == 0);
}

static bool over(struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "attempt_over",
                     "this attempt is over, or there was none of this number");
}

static bool find(struct db *db, void *mem, const char *token,
                 const struct report *report, struct target *ret,
                 struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_REPORT_TO,
                  DB_ARGS(report->id, db_int(mem, report->attempt),
                          report->line_count > 0 ? "true" : "false",
                          db_int(mem, RUN_LOG_LINES)),
                  &rows, err))
        return false;
    if (db_count(rows) == 0)
        return over(err);
    if (!db_row(rows, 0, target_columns, ret, err))
        return false;
    return token_is_good(token, ret, report) ||
           error_set(err, ERROR_DENIED, "invalid_token",
                     "the token is not that of this attempt");
}

/* ------------------------------------------------------------ what it says */

static const char *hide(void *mem, const struct secrets *secrets,
                        const char *text)
{
    char *hidden = text ? secrets_hide(mem, secrets, text, strlen(text)) : NULL;

    return hidden ? hidden : text;
}

static bool is_current(const struct db_result *rows)
{
    const char *current = db_text(rows, 0, "current");

    return current && *current == 't';
}

static bool note_alive(struct db *db, void *mem, const struct target *target,
                       const struct report *report, struct error *err)
{
    struct db_result *rows;

    if (!db_query(
            db, mem, SQL_REPORT_HEARD,
            DB_ARGS(target->worker, report->id, db_int(mem, report->attempt)),
            &rows, err))
        return false;
    return is_current(rows) || over(err);
}

static bool note_progress(struct db *db, void *mem, const struct target *target,
                          const struct report *report,
                          const struct secrets *secrets, struct error *err)
{
    struct run_progress progress = {
        .id = report->id,
        .attempt = report->attempt,
        .percent = report->percent,
        .message = hide(mem, secrets, report->message),
    };

    if (report->percent < 0 && !report->message)
        return true;
    return db_exec(db, SQL_RUN_REPORT,
                   run_report_args(mem, target->worker, &progress, 1), NULL,
                   err);
}

/* As much of a line as may be, without half a character. */
static const char *short_line(void *mem, const char *line)
{
    size_t len = strlen(line);

    if (len <= RUN_LOG_LINE)
        return line;
    for (len = RUN_LOG_LINE; (line[len] & 0xC0) == 0x80; len--)
        ;
    return talloc_strndup(mem, line, len);
}

static bool add_lines(struct db *db, void *mem, const struct target *target,
                      const struct report *report,
                      const struct secrets *secrets, bool *ret_full,
                      struct error *err)
{
    struct run_line *lines =
        talloc_array(mem, struct run_line, (unsigned)report->line_count);
    int64_t bytes = target->log_bytes, now_ms = clock_now_ms();
    int count = 0;

    while (count < report->line_count &&
           target->log_lines + count < RUN_LOG_LINES && bytes < RUN_LOG_BYTES) {
        const char *line =
            short_line(mem, hide(mem, secrets, report->lines[count]));

        lines[count++] =
            (struct run_line){report->id, report->attempt, now_ms, line};
        bytes += (int64_t)strlen(line);
    }
    *ret_full = count < report->line_count;
    return count == 0 ||
           db_exec(db, SQL_RUN_ADD_LOG,
                   run_log_args(mem, target->worker, lines, count), NULL, err);
}

static bool complete(struct db *db, void *mem, const struct target *target,
                     const struct report *report, const struct secrets *secrets,
                     bool *ret_freed, struct error *err)
{
    struct run_end end = {
        .id = report->id,
        .attempt = report->attempt,
        .state = "completed",
        .result = hide(mem, secrets, report->result),
    };
    const struct run_end *ends[] = {&end};
    struct db_result *rows;
    const char *freed;

    if (!report->result)
        return true;
    if (!db_query(db, mem, SQL_RUN_FINISH,
                  run_finish_args(mem, target->worker, ends, 1), &rows, err))
        return false;
    freed = db_text(rows, 0, "freed");
    *ret_freed = freed && *freed == 't';
    return db_count(rows) > 0 || over(err);
}

bool report_take(struct db *db, void *mem, const char *token,
                 const struct report *report, struct report_taken *ret,
                 struct error *err)
{
    struct target target;
    struct secrets *secrets;

    *ret = (struct report_taken){0};
    if (!find(db, mem, token, report, &target, err) ||
        !note_alive(db, mem, &target, report, err))
        return false;
    ret->cancelling = target.cancelling;
    secrets = secrets_find(mem, target.options, target.payload);
    return note_progress(db, mem, &target, report, secrets, err) &&
           add_lines(db, mem, &target, report, secrets, &ret->log_full, err) &&
           complete(db, mem, &target, report, secrets, &ret->freed, err);
}
