#ifndef CORE_CONF_VALUE_H
#define CORE_CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* The last three are numbers. */
enum conf_type {
    CONF_TEXT,
    CONF_SECRET, /* text that nobody shall read */
    CONF_LEVEL, /* of the log: a word, kept as text */
    CONF_COUNT,
    CONF_BYTES,    /* "64MB"; a number alone is bytes */
    CONF_DURATION, /* "90s", kept in ms */
};

/* What the text of a number type means; false where it is none. */
bool conf_value_read(enum conf_type type, const char *text, int64_t *ret);

/* The text of a number, in the form that is read. */
char *conf_value_text(void *mem, enum conf_type type, int64_t value);

#endif
