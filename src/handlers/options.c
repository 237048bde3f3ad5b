#include "options.h"
#include "sample.h"

#include <string.h>

enum { DEFAULT_SAMPLE_ROWS = 1000, SHEET_MOST = 1000 };

typedef bool option_fn(const json_t *value, struct options *ret,
                       struct fault *err);

static bool bad(struct fault *err, const char *name, const char *wanted)
{
    return fault_set(err, FAULT_USAGE, "invalid_payload",
                     "payload: \"%s\" must be %s", name, wanted);
}

static bool read_filter(const json_t *value, struct options *ret,
                        struct fault *err)
{
    const char *text = json_string_value(value);

    if (!text || (strcmp(text, "all") != 0 && strcmp(text, "recommended") != 0))
        return bad(err, "filterOption", "\"all\" or \"recommended\"");
    ret->recommended = *text == 'r';
    return true;
}

static bool read_file(const json_t *value, struct options *ret,
                      struct fault *err)
{
    ret->file = json_string_value(value);
    return ret->file || bad(err, "file", "the name of an input file");
}

static bool read_delimiter(const json_t *value, struct options *ret,
                           struct fault *err)
{
    const char *text = json_string_value(value);

    if (!text || strlen(text) != 1 || *text == '"' || *text == '\x7F' ||
        (*text != '\t' && (*text < ' ' || *text > '~')))
        return bad(err, "delimiter", "one ASCII character, not a quote");
    ret->delimiter = *text;
    return true;
}

static bool read_sample_rows(const json_t *value, struct options *ret,
                             struct fault *err)
{
    json_int_t rows = json_integer_value(value);

    if (!json_is_integer(value) || rows < 0 || rows > SAMPLE_MAX_ROWS)
        return bad(err, "sampleRows", "a whole number from 0 to 10000");
    ret->sample_rows = (size_t)rows;
    return true;
}

static bool read_sheet(const json_t *value, struct options *ret,
                       struct fault *err)
{
    json_int_t position = json_integer_value(value);

    ret->sheet = json_string_value(value);
    if (ret->sheet)
        return true;
    if (!json_is_integer(value) || position < 1 || position > SHEET_MOST)
        return bad(err, "sheet", "a sheet's name, or its position from 1");
    ret->sheet_position = (size_t)position;
    return true;
}

static const struct {
    const char *name;
    option_fn *read;
} known[] = {
    {"filterOption", read_filter     },
    {"file",         read_file       },
    {"delimiter",    read_delimiter  },
    {"sampleRows",   read_sample_rows},
    {"sheet",        read_sheet      },
};

static option_fn *find(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(known[i].name, name))
            return known[i].read;
    return NULL;
}

bool options_read(json_t *payload, struct options *ret, struct fault *err)
{
    const char *name;
    json_t *value;

    *ret = (struct options){.sample_rows = DEFAULT_SAMPLE_ROWS};
    if (json_is_null(payload))
        return true;
    if (!json_is_object(payload))
        return fault_set(err, FAULT_USAGE, "invalid_payload",
                         "the payload must be an object");
    json_object_foreach(payload, name, value) {
        option_fn *read = find(name);

        if (!read)
            return fault_set(err, FAULT_USAGE, "invalid_payload",
                             "payload: \"%.60s\" is unknown; there are "
                             "filterOption, file, delimiter, sampleRows and "
                             "sheet",
                             name);
        if (!read(value, ret, err))
            return false;
    }
    return true;
}
