#include "infer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The parts of a number as written. */
struct digits {
    bool negative, fraction, exponent;
    size_t count;      /* digits of the mantissa */
    bool leading_zero; /* 007, but not 0 or 0.7 */
    uint64_t mantissa; /* right if count is at most 18 */
    int scale;         /* times ten to this */
};

static const char *take_digits(const char *p, const char *end, struct digits *d)
{
    for (; p < end && is_digit(*p); p++, d->count++)
        d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
    return p;
}

/* Up to three digits behind e or E; NULL if it is not so. */
static const char *take_exponent(const char *p, const char *end,
                                 struct digits *d)
{
    int value = 0;
    bool minus;

    d->exponent = true;
    minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || end - p > 3)
        return NULL;
    for (; p < end && is_digit(*p); p++)
        value = value * 10 + (*p - '0');
    d->scale += minus ? -value : value;
    return p;
}

/* Split [sign] digits [. digits] [e digits]; false if it is no number. */
static bool split(const char *p, const char *end, char decimal,
                  struct digits *d)
{
    const char *whole;

    *d = (struct digits){.negative = *p == '-'};
    if (*p == '-' || *p == '+')
        p++;
    whole = p;
    p = take_digits(p, end, d);
    d->leading_zero = p - whole > 1 && *whole == '0';
    if (p < end && (*p == '.' || *p == decimal)) {
        const char *point = ++p;

        d->fraction = true;
        p = take_digits(p, end, d);
        d->scale = -(int)(p - point);
    }
    if (d->count == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E'))
        p = take_exponent(p + 1, end, d);
    return p == end;
}

/* The slow way, for long mantissas and far exponents. */
static double convert(const char *text, size_t len, char decimal)
{
    char copy[400];
    char *comma;

    if (len >= sizeof(copy))
        return INFINITY; /* nobody's number */
    memcpy(copy, text, len);
    copy[len] = 0;
    comma = strchr(copy, decimal);
    if (comma)
        *comma = '.';
    return strtod(copy, NULL);
}

static double to_double(const struct digits *d, const char *text, size_t len,
                        char decimal)
{
    static const double tens[] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double number;

    /* Both operands are exact, so the result is rounded only once. */
    if (d->count > 18 || d->mantissa >> 53 || d->scale < -22 || d->scale > 22)
        return convert(text, len, decimal);
    number = (double)d->mantissa;
    number = d->scale < 0 ? number / tens[-d->scale] : number * tens[d->scale];
    return d->negative ? -number : number;
}

static bool infer_number(const char *text, size_t len, char decimal,
                         struct value *ret)
{
    struct digits d;

    if (!split(text, text + len, decimal, &d))
        return false;
    ret->number = to_double(&d, text, len, decimal);
    if (!isfinite(ret->number))
        return false;
    if (d.fraction || d.exponent) {
        ret->class = VALUE_NUMBER;
        return true;
    }
    ret->class = d.leading_zero ? VALUE_CODE : VALUE_INTEGER;
    ret->exact = d.count <= 18;
    ret->integer = d.negative ? -(int64_t)d.mantissa : (int64_t)d.mantissa;
    return true;
}

/* The words that are no text. */
static enum value_class word_class(const char *text, size_t len)
{
    static const struct {
        const char *word;
        enum value_class class;
    } words[] = {
        {"true",  VALUE_BOOLEAN},
        {"false", VALUE_BOOLEAN},
        {"yes",   VALUE_BOOLEAN},
        {"no",    VALUE_BOOLEAN},
        {"t",     VALUE_BOOLEAN},
        {"f",     VALUE_BOOLEAN},
        {"y",     VALUE_BOOLEAN},
        {"n",     VALUE_BOOLEAN},
        {"null",  VALUE_EMPTY  },
        {"\\N",   VALUE_EMPTY  },
        {"n/a",   VALUE_EMPTY  },
        {"#n/a",  VALUE_EMPTY  },
        {"nan",   VALUE_EMPTY  },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strlen(words[i].word) == len &&
            !strncasecmp(words[i].word, text, len))
            return words[i].class;
    return VALUE_TEXT;
}

static bool infer_when(const char *text, size_t len, struct value *ret)
{
    if (!when_parse(text, len, &ret->when))
        return false;
    ret->class = ret->when.has_time ? VALUE_DATETIME : VALUE_DATE;
    return true;
}

void infer(const char *text, size_t len, char decimal, struct value *ret)
{
    ret->class = VALUE_EMPTY;
    ret->exact = false;
    while (len > 0 && is_space(*text))
        text++, len--;
    while (len > 0 && is_space(text[len - 1]))
        len--;
    if (len == 0)
        return;
    if (is_digit(*text) || *text == '-' || *text == '+' || *text == '.' ||
        *text == decimal) {
        if (!infer_number(text, len, decimal, ret) &&
            !infer_when(text, len, ret))
            ret->class = VALUE_TEXT;
        return;
    }
    ret->class = len <= 5 ? word_class(text, len) : VALUE_TEXT;
}
