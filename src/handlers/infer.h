/* What kind of value a field's text is. */
#ifndef HANDLERS_INFER_H
#define HANDLERS_INFER_H

#include "when.h"

enum value_class {
    VALUE_EMPTY, /* nothing, spaces, NULL, \N, N/A, #N/A or NaN */
    VALUE_INTEGER,
    VALUE_NUMBER,  /* with a fraction or an exponent */
    VALUE_CODE,    /* digits that begin with 0, as of a postcode */
    VALUE_BOOLEAN, /* true false yes no t f y n, in any case */
    VALUE_DATE,
    VALUE_DATETIME,
    VALUE_TEXT,
    VALUE_CLASSES,
};

struct value {
    enum value_class class;
    double number; /* of INTEGER, NUMBER and CODE */
    bool exact;    /* the integer fits into the next member */
    int64_t integer;
    struct when when; /* of DATE and DATETIME */
};

/*
 * Spaces around the text do not count. decimal is '.' or, for files that
 * write 3,14, ','; the point is understood in both.
 */
void infer(const char *text, size_t len, char decimal, struct value *ret);

#endif
