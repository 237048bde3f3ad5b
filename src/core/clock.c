#include "clock.h"

#include <ctype.h>
#include <stdio.h>
#include <talloc.h>
#include <time.h>

/* The years that RFC 3339 and PostgreSQL can both write: 0001 to 9999. */
#define CLOCK_MIN_MS (-62135596800000)
#define CLOCK_MAX_MS 253402300799999

#define DAY_MS 86400000

static int64_t read_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

void clock_format(int64_t ms, char ret[CLOCK_TEXT])
{
    int64_t part;
    time_t seconds;
    struct tm tm;
    size_t len;

    ms = ms < CLOCK_MIN_MS ? CLOCK_MIN_MS : ms;
    ms = ms > CLOCK_MAX_MS ? CLOCK_MAX_MS : ms;
    part = ((ms % 1000) + 1000) % 1000;
    seconds = (ms - part) / 1000;

    gmtime_r(&seconds, &tm);
    len = strftime(ret, CLOCK_TEXT, "%04Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + len, CLOCK_TEXT - len, ".%03dZ", (int)part);
}

char *clock_text(void *mem, int64_t ms)
{
    char text[CLOCK_TEXT];

    clock_format(ms, text);
    return talloc_strdup(mem, text);
}

/* Take exactly `count` digits. */
static bool take_number(const char **at, int count, int *ret)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)**at))
            return false;
        value = value * 10 + (*(*at)++ - '0');
    }
    *ret = value;
    return true;
}

static bool take_char(const char **at, const char *one_of)
{
    for (; *one_of; one_of++) {
        if (**at == *one_of) {
            (*at)++;
            return true;
        }
    }
    return false;
}

static bool take_date(const char **at, struct tm *tm)
{
    int year, month;

    if (!take_number(at, 4, &year) || !take_char(at, "-") ||
        !take_number(at, 2, &month) || !take_char(at, "-") ||
        !take_number(at, 2, &tm->tm_mday))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    return year >= 1;
}

static bool take_time_of_day(const char **at, struct tm *tm)
{
    return take_number(at, 2, &tm->tm_hour) && take_char(at, ":") &&
           take_number(at, 2, &tm->tm_min) && take_char(at, ":") &&
           take_number(at, 2, &tm->tm_sec) && tm->tm_hour <= 23 &&
           tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* Digits of a second past the third are dropped. */
static bool take_fraction(const char **at, int *ret_ms)
{
    int weight = 100;

    *ret_ms = 0;
    if (!take_char(at, "."))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); (*at)++, weight /= 10)
        *ret_ms += weight * (**at - '0');
    return true;
}

static bool take_offset(const char **at, int *ret_minutes)
{
    bool west = **at == '-';
    int hours, minutes;

    *ret_minutes = 0;
    if (take_char(at, "Zz"))
        return true;
    if (!take_char(at, "+-") || !take_number(at, 2, &hours) ||
        !take_char(at, ":") || !take_number(at, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

/* timegm() turns the 31st of April into the 1st of May; this refuses it. */
static bool to_seconds(const struct tm *tm, int64_t *ret)
{
    struct tm noon = *tm, normal;
    time_t seconds;

    noon.tm_hour = 12;
    noon.tm_min = noon.tm_sec = 0;
    seconds = timegm(&noon);
    gmtime_r(&seconds, &normal);
    if (normal.tm_mon != tm->tm_mon)
        return false;
    *ret = seconds + (tm->tm_hour - 12) * 3600 + tm->tm_min * 60 + tm->tm_sec;
    return true;
}

static bool read_time(const char *text, int64_t *ret)
{
    struct tm tm = {0};
    int part, offset;
    int64_t seconds, ms;

    if (!take_date(&text, &tm) || !take_char(&text, "Tt ") ||
        !take_time_of_day(&text, &tm) || !take_fraction(&text, &part) ||
        !take_offset(&text, &offset) || *text || !to_seconds(&tm, &seconds))
        return false;

    ms = (seconds - offset * 60) * 1000;
    /* A leap second is the last of a day in UTC; for us it is the next. */
    if (tm.tm_sec == 60 && ms % DAY_MS != 0)
        return false;
    ms += part;
    if (ms < CLOCK_MIN_MS || ms > CLOCK_MAX_MS)
        return false;
    *ret = ms;
    return true;
}

bool clock_parse(const char *text, int64_t *ret, struct error *err)
{
    if (read_time(text, ret))
        return true;
    return error_set(err, ERROR_INVALID, "invalid_time",
                     "a time is written like \"2026-11-22T01:40:00Z\" or "
                     "\"2026-11-22T02:40:00+01:00\", not \"%s\"",
                     text);
}
