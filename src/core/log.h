#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>

/*
 * One line on stderr a message: level=warn msg="lease lost" job=42 …
 * Where stderr is the journal (JOURNAL_STREAM), each line begins with its
 * <priority>; elsewhere with time=… program=…, which the journal adds itself.
 * Control characters in a value are escaped, and a line over 4 KB is cut. Safe
 * to call from several threads. Only programs log; library code reports through
 * struct error.
 */
enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* The program's name, a string that stays, and the least level that is written.
 * Before the first thread. */
void log_open(const char *program, enum log_level level);

/* "error", "warn", "info", "debug". */
bool log_level_by_name(const char *name, enum log_level *ret);

void log_err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A message with facts: log_facts(LOG_LEVEL_INFO, "JOB_STARTED", "jobId", id,
 * "type", type, NULL). Names and values in turn; a NULL value leaves the pair
 * out. Values are quoted where they need it.
 */
void log_facts(enum log_level level, const char *msg, ...)
    __attribute__((sentinel));

#endif
