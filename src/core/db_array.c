#include "buf.h"
#include "db.h"

#include <inttypes.h>
#include <stdio.h>
#include <talloc.h>

struct db_array {
    struct buf text; /* without the closing brace, so that more may follow */
    bool comma;
};

struct db_array *db_array_new(void *mem)
{
    struct db_array *array = talloc_zero(mem, struct db_array);

    buf_init(&array->text, array, 256);
    buf_add_char(&array->text, '{');
    return array;
}

static void begin_value(struct db_array *array)
{
    if (array->comma)
        buf_add_char(&array->text, ',');
    array->comma = true;
}

static void add_quoted(struct buf *text, const char *value)
{
    buf_add_char(text, '"');
    while (*value) {
        size_t run = strcspn(value, "\"\\");

        buf_add(text, value, run);
        value += run;
        if (*value) {
            buf_add_char(text, '\\');
            buf_add_char(text, *value++);
        }
    }
    buf_add_char(text, '"');
}

void db_array_add(struct db_array *array, const char *value)
{
    begin_value(array);
    if (value)
        add_quoted(&array->text, value);
    else
        buf_add_text(&array->text, "NULL");
}

void db_array_add_int(struct db_array *array, int64_t value)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRId64, value);
    begin_value(array);
    buf_add_text(&array->text, digits);
}

const char *db_array_text(struct db_array *array)
{
    buf_add_char(&array->text, '}');
    buf_text(&array->text);
    array->text.len--;
    return array->text.data;
}

const char *db_int(void *mem, int64_t value)
{
    return talloc_asprintf(mem, "%" PRId64, value);
}
