#include "log.h"
#include "clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A write of at most PIPE_BUF (4096) bytes to a pipe is never torn apart. */
#define LINE_SIZE 4096
/* Room kept for the end of a line that is cut: a quote, CUT, a line feed. */
#define CUT       " truncated=true"
#define LINE_ROOM (LINE_SIZE - sizeof(CUT) - 2)

struct line {
    char text[LINE_SIZE];
    size_t len;
    bool has_pair;
    bool full; /* something did not fit; nothing more is added */
};

static const struct {
    const char *name;
    int priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARN] = {"warn",  4},
    [LOG_LEVEL_INFO] = {"info",  6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

/* Written by log_open before there are threads. */
static const char *log_program;
static enum log_level log_least = LOG_LEVEL_INFO;
static bool log_to_journal;

/* $JOURNAL_STREAM is "device:inode" of the journal's socket; it is inherited by
 * children whose stderr is something else. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;

    return stream &&
           sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
           st.st_ino == inode;
}

void log_open(const char *program, enum log_level level)
{
    log_program = program;
    log_least = level;
    log_to_journal = stderr_is_journal();
}

bool log_level_by_name(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
        if (!strcmp(levels[i].name, name)) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Add all of the bytes or none. */
static void add_bytes(struct line *line, const char *bytes, size_t len)
{
    if (line->full || line->len + len > LINE_ROOM) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

static void add_text(struct line *line, const char *text)
{
    add_bytes(line, text, strlen(text));
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

static bool needs_quotes(const char *value)
{
    if (!*value)
        return true;
    for (; *value; value++)
        if (is_control(*value) || strchr(" \"\\=", *value))
            return true;
    return false;
}

static void add_escape(struct line *line, char c)
{
    static const char plain[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    const char *found = strchr(plain, c);
    char text[8];

    if (found)
        snprintf(text, sizeof(text), "\\%c", letters[found - plain]);
    else
        snprintf(text, sizeof(text), "\\x%02x", (unsigned char)c);
    add_text(line, text);
}

/* The bytes of the UTF-8 character that begins here. */
static size_t character_len(const char *text)
{
    size_t len = 1;

    while (len < 4 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len++;
    return len;
}

static void add_quoted(struct line *line, const char *value)
{
    add_text(line, "\"");
    if (line->full)
        return;
    while (*value && !line->full) {
        size_t len = character_len(value);

        if (len == 1 && (is_control(*value) || strchr("\"\\", *value)))
            add_escape(line, *value);
        else
            add_bytes(line, value, len);
        value += len;
    }
    /* Not add_text: a value that is cut is closed too. */
    line->text[line->len++] = '"';
}

static void add_pair(struct line *line, const char *name, const char *value)
{
    if (line->full)
        return;
    if (line->has_pair)
        add_text(line, " ");
    line->has_pair = true;
    add_text(line, name);
    add_text(line, "=");
    if (needs_quotes(value) || line->len + strlen(value) > LINE_ROOM)
        add_quoted(line, value);
    else
        add_text(line, value);
}

/* journald knows the time and the program; a terminal or a file does not. */
static void line_begin(struct line *line, enum log_level level, const char *msg)
{
    char priority[8], now[CLOCK_TEXT];

    line->len = 0;
    line->has_pair = line->full = false;
    if (log_to_journal) {
        snprintf(priority, sizeof(priority), "<%d>", levels[level].priority);
        add_text(line, priority);
    } else {
        clock_format(clock_now_ms(), now);
        add_pair(line, "time", now);
        if (log_program)
            add_pair(line, "program", log_program);
    }
    add_pair(line, "level", levels[level].name);
    add_pair(line, "msg", msg);
}

/* One write, so that lines of several threads and processes do not mix. */
static void line_write(struct line *line)
{
    ssize_t n;

    if (line->full) {
        memcpy(line->text + line->len, CUT, sizeof(CUT) - 1);
        line->len += sizeof(CUT) - 1;
    }
    line->text[line->len++] = '\n';
    do
        n = write(STDERR_FILENO, line->text, line->len);
    while (n < 0 && errno == EINTR);
}

__attribute__((format(printf, 2, 0))) static void
log_message(enum log_level level, const char *fmt, va_list args)
{
    int saved = errno;
    char msg[LINE_SIZE];
    struct line line;

    if (level > log_least)
        return;
    vsnprintf(msg, sizeof(msg), fmt, args);
    line_begin(&line, level, msg);
    line_write(&line);
    errno = saved;
}

void log_err(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_message(LOG_LEVEL_ERROR, fmt, args);
    va_end(args);
}

void log_warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_message(LOG_LEVEL_WARN, fmt, args);
    va_end(args);
}

void log_info(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_message(LOG_LEVEL_INFO, fmt, args);
    va_end(args);
}

void log_debug(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_message(LOG_LEVEL_DEBUG, fmt, args);
    va_end(args);
}

void log_facts(enum log_level level, const char *msg, ...)
{
    int saved = errno;
    const char *name, *value;
    struct line line;
    va_list args;

    if (level > log_least)
        return;
    line_begin(&line, level, msg);
    va_start(args, msg);
    while ((name = va_arg(args, const char *))) {
        value = va_arg(args, const char *);
        if (value)
            add_pair(&line, name, value);
    }
    va_end(args);
    line_write(&line);
    errno = saved;
}
