#include "serial.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_MS       86400000.0
#define UNIX_EPOCH   25569   /* 1970-01-01, counted from 1899-12-30 */
#define DAYS_TO_1904 1462    /* from there */
#define LAST_DAY     2958466 /* 10000-01-01 */
#define MOST_HOURS   10000

/* What a format code says of time. */
struct signs {
    bool date, month_or_minute, time;
};

/* Over what is shown as it stands; the next place to look at. */
static const char *skip_literal(const char *at)
{
    const char *end;

    if (*at == '"') {
        end = strchr(at + 1, '"');
        return end ? end + 1 : at + strlen(at);
    }
    return at[1] ? at + 2 : at + 1;
}

/* [h] is a time; [Red], [>100] and [$-409] are none. */
static const char *take_bracket(const char *at, struct signs *signs)
{
    const char *end = strchr(at, ']');
    size_t same = strspn(at + 1, "hHmMsS");

    if (!end)
        return at + strlen(at);
    if (same > 0 && at + 1 + same == end)
        signs->time = true;
    return end + 1;
}

static void take_letter(char c, struct signs *signs)
{
    switch (tolower((unsigned char)c)) {
    case 'y':
    case 'd':
        signs->date = true;
        break;
    case 'h':
    case 's':
        signs->time = true;
        break;
    case 'm':
        signs->month_or_minute = true;
        break;
    default:
        break;
    }
}

static enum serial_kind kind_of(const struct signs *signs)
{
    if (signs->date)
        return signs->time ? SERIAL_DATETIME : SERIAL_DATE;
    if (signs->time)
        return SERIAL_TIME;
    return signs->month_or_minute ? SERIAL_DATE : SERIAL_NUMBER;
}

enum serial_kind serial_kind(const char *code)
{
    struct signs signs = {0};

    /* Only what is for positive numbers counts, up to the semicolon. */
    while (*code && *code != ';') {
        if (*code == '"' || *code == '\\' || *code == '_' || *code == '*') {
            code = skip_literal(code);
        } else if (*code == '[') {
            code = take_bracket(code, &signs);
        } else if (!strncasecmp(code, "General", 7)) {
            code += 7;
        } else {
            take_letter(*code++, &signs);
        }
    }
    return kind_of(&signs);
}

enum serial_kind serial_builtin(long number)
{
    if ((number >= 14 && number <= 17) || (number >= 27 && number <= 31) ||
        number == 36 || (number >= 50 && number <= 54) ||
        (number >= 57 && number <= 58))
        return SERIAL_DATE;
    if ((number >= 18 && number <= 21) || (number >= 32 && number <= 35) ||
        (number >= 45 && number <= 47) || number == 55 || number == 56)
        return SERIAL_TIME;
    return number == 22 ? SERIAL_DATETIME : SERIAL_NUMBER;
}

static size_t number_text(double number, char ret[SERIAL_TEXT])
{
    return (size_t)snprintf(ret, SERIAL_TEXT, "%.15g", number);
}

/* The ms of a time, behind a point; none where there are none. */
static size_t add_ms(char *ret, size_t len, int ms)
{
    if (ms > 0)
        len += (size_t)snprintf(ret + len, SERIAL_TEXT - len, ".%03d", ms);
    return len;
}

static size_t time_text(double number, char ret[SERIAL_TEXT])
{
    int64_t ms = llround(number * DAY_MS), s = ms / 1000;
    int len = snprintf(ret, SERIAL_TEXT, "%02d:%02d:%02d", (int)(s / 3600),
                       (int)(s / 60 % 60), (int)(s % 60));

    return add_ms(ret, (size_t)len, (int)(ms % 1000));
}

static size_t date_text(double number, bool with_time, bool since_1904,
                        char ret[SERIAL_TEXT])
{
    double days;
    int64_t ms, s;
    time_t seconds;
    struct tm tm;

    /* The calendar of 1900 has a 29th of February, which there was not. */
    if (since_1904)
        number += DAYS_TO_1904;
    else if (number < 60)
        number += 1;
    days = with_time ? number : floor(number);
    ms = llround((days - UNIX_EPOCH) * DAY_MS);
    s = ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
    seconds = (time_t)s;
    gmtime_r(&seconds, &tm);
    return add_ms(ret,
                  strftime(ret, SERIAL_TEXT, with_time ? "%F %T" : "%F", &tm),
                  with_time ? (int)(ms - s * 1000) : 0);
}

size_t serial_text(double number, enum serial_kind kind, bool since_1904,
                   char ret[SERIAL_TEXT])
{
    double last = LAST_DAY - (since_1904 ? DAYS_TO_1904 : 0);

    if (kind == SERIAL_TIME && number >= 0 && number < MOST_HOURS / 24.0)
        return time_text(number, ret);
    /* A date without its day, as of a time that was given a longer format. */
    if (kind == SERIAL_DATETIME && number >= 0 && number < 1 && !since_1904)
        return time_text(number, ret);
    if ((kind == SERIAL_DATE || kind == SERIAL_DATETIME) &&
        number >= (since_1904 ? 0 : 1) && number < last)
        return date_text(number, kind == SERIAL_DATETIME, since_1904, ret);
    return number_text(number, ret);
}
