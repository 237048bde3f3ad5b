#include "cell.h"
#include "markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 1 << 20, MOST_DIGITS = 9 };

static enum cell_type type_of(const char *text)
{
    static const struct {
        const char *name;
        enum cell_type type;
    } types[] = {
        {"n",         CELL_NUMBER},
        {"s",         CELL_SHARED},
        {"inlineStr", CELL_INLINE},
        {"b",         CELL_FLAG  },
    };

    for (size_t i = 0; text && i < sizeof(types) / sizeof(*types); i++)
        if (!strcmp(types[i].name, text))
            return types[i].type;
    return text ? CELL_TEXT : CELL_NUMBER;
}

void cell_begin(struct cell *cell, const char **attributes, size_t at)
{
    const char *style = markup_attribute(attributes, "s");

    *cell = (struct cell){.type = type_of(markup_attribute(attributes, "t")),
                          .style = style ? strtol(style, NULL, 10) : 0,
                          .at = at,
                          .open = true};
}

const char *cell_column_name(size_t column, char ret[CELL_COLUMN])
{
    char *at = &ret[CELL_COLUMN - 1];

    *at = 0;
    for (; column > 0 && at > ret; column = (column - 1) / 26)
        *--at = (char)('A' + (column - 1) % 26);
    return at;
}

size_t cell_column(const char *reference, size_t next)
{
    size_t column = 0;

    for (; reference && *reference >= 'A' && *reference <= 'Z'; reference++)
        if (column < MOST_COLUMNS)
            column = column * 26 + (size_t)(*reference - 'A' + 1);
    return column > 0 ? column : next;
}

uint64_t cell_row(const char *number, uint64_t next)
{
    size_t row = number ? cell_number_of_text(number, strlen(number)) : 0;

    return row > 0 && row != SIZE_MAX ? row : next;
}

size_t cell_number_of_text(const char *text, size_t len)
{
    size_t number = 0;

    if (len == 0 || len > MOST_DIGITS)
        return SIZE_MAX;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return SIZE_MAX;
        number = number * 10 + (size_t)(text[i] - '0');
    }
    return number;
}

size_t cell_show(const char *text, size_t len, enum serial_kind kind,
                 bool since_1904, char ret[SERIAL_TEXT])
{
    char copy[64], *end;
    double number;

    if (len >= sizeof(copy))
        return 0;
    memcpy(copy, text, len);
    copy[len] = 0;
    number = strtod(copy, &end);
    if (*end || end == copy || !isfinite(number))
        return 0;
    return serial_text(number, kind, since_1904, ret);
}
