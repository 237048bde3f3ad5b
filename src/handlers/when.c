#include "when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct text {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Take exactly `digits` digits, or for a negative count one up to so many. */
static bool take_number(struct text *t, int digits, int *ret)
{
    int most = digits < 0 ? -digits : digits, taken = 0, value = 0;

    while (taken < most && t->at < t->end && is_digit(*t->at)) {
        value = value * 10 + (*t->at++ - '0');
        taken++;
    }
    *ret = value;
    return digits < 0 ? taken > 0 : taken == digits;
}

static bool take(struct text *t, char c)
{
    if (t->at == t->end || *t->at != c)
        return false;
    t->at++;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 in ms, WHEN_NEVER for a day that does not exist. */
static int64_t day_ms(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    int64_t y, days;

    if (month < 1 || month > 12 || day < 1 || year < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap(year)))
        return WHEN_NEVER;
    /* Years that begin in March: a leap day is then the last one. */
    y = month > 2 ? year : year - 1;
    days = y * 365 + y / 4 - y / 100 + y / 400 +
           (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (days - 719468) * 86400000;
}

static bool take_year_first(struct text *t, struct when *ret)
{
    int year, month, day;
    char by;

    if (!take_number(t, 4, &year) || t->at == t->end)
        return false;
    by = *t->at++;
    if ((by != '-' && by != '/') || !take_number(t, -2, &month) ||
        !take(t, by) || !take_number(t, -2, &day))
        return false;
    ret->at_ms[WHEN_DAY_FIRST] = day_ms(year, month, day);
    ret->at_ms[WHEN_MONTH_FIRST] = ret->at_ms[WHEN_DAY_FIRST];
    return true;
}

static bool take_year_last(struct text *t, struct when *ret)
{
    int first, second, year;
    char by;

    if (!take_number(t, -2, &first) || t->at == t->end)
        return false;
    by = *t->at++;
    if ((by != '.' && by != '/') || !take_number(t, -2, &second) ||
        !take(t, by) || !take_number(t, 4, &year))
        return false;
    ret->slashed = by == '/';
    ret->at_ms[WHEN_DAY_FIRST] = day_ms(year, second, first);
    ret->at_ms[WHEN_MONTH_FIRST] =
        ret->slashed ? day_ms(year, first, second) : ret->at_ms[WHEN_DAY_FIRST];
    return true;
}

/* The digits behind the point, as ms. */
static bool take_fraction(struct text *t, int64_t *ms)
{
    int64_t unit = 100;

    if (t->at == t->end || !is_digit(*t->at))
        return false;
    for (; t->at < t->end && is_digit(*t->at); t->at++, unit /= 10)
        *ms += unit * (*t->at - '0');
    return true;
}

/* Z, +02:00, +0200 or nothing: what to subtract. */
static bool take_zone(struct text *t, int64_t *ret_ms)
{
    int hours, minutes = 0;
    char sign;

    *ret_ms = 0;
    if (t->at == t->end || take(t, 'Z'))
        return true;
    sign = *t->at++;
    if ((sign != '+' && sign != '-') || !take_number(t, 2, &hours))
        return false;
    if (t->at < t->end) {
        take(t, ':');
        if (!take_number(t, 2, &minutes))
            return false;
    }
    *ret_ms = (hours * 60 + minutes) * 60000 * (sign == '-' ? -1 : 1);
    return hours <= 15 && minutes < 60;
}

static bool take_time(struct text *t, int64_t *ret_ms)
{
    int hour, minute, second = 0;
    int64_t fraction = 0, zone;

    if (!take_number(t, -2, &hour) || !take(t, ':') ||
        !take_number(t, 2, &minute))
        return false;
    if (take(t, ':')) {
        if (!take_number(t, 2, &second))
            return false;
        if (take(t, '.') && !take_fraction(t, &fraction))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 60 || !take_zone(t, &zone))
        return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction - zone;
    return true;
}

static bool take_date(struct text *t, struct when *ret)
{
    bool year_first =
        t->end - t->at > 4 && is_digit(t->at[2]) && is_digit(t->at[3]);

    *ret = (struct when){0};
    if (!(year_first ? take_year_first(t, ret) : take_year_last(t, ret)))
        return false;
    return ret->at_ms[WHEN_DAY_FIRST] != WHEN_NEVER ||
           ret->at_ms[WHEN_MONTH_FIRST] != WHEN_NEVER;
}

bool when_parse(const char *text, size_t len, struct when *ret)
{
    struct text t = {text, text + len};
    int64_t time_ms;

    if (len < 8 || len > 40 || !take_date(&t, ret))
        return false;
    if (t.at == t.end)
        return true;
    ret->has_time = true;
    if ((!take(&t, 'T') && !take(&t, ' ')) || !take_time(&t, &time_ms) ||
        t.at != t.end)
        return false;
    for (int i = 0; i < WHEN_ORDERS; i++)
        if (ret->at_ms[i] != WHEN_NEVER)
            ret->at_ms[i] += time_ms;
    return true;
}

void when_format(int64_t at_ms, bool with_time, char *ret, size_t size)
{
    int64_t ms = ((at_ms % 1000) + 1000) % 1000;
    time_t seconds = (time_t)((at_ms - ms) / 1000);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(ret, size, with_time ? "%4Y-%m-%dT%H:%M:%S" : "%4Y-%m-%d",
                   &tm);
    if (with_time && len > 0)
        snprintf(ret + len, size - len, ".%03dZ", (int)ms);
}
