#include "header.h"
#include "utf8.h"

#include <string.h>
#include <talloc.h>

enum { MAX_NAME = 200 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct csv_field trimmed(const struct csv_field *field)
{
    struct csv_field t = *field;

    while (t.len > 0 && is_space(*t.text))
        t.text++, t.len--;
    while (t.len > 0 && is_space(t.text[t.len - 1]))
        t.len--;
    return t;
}

bool header_is_unnamed(const struct csv_field *field)
{
    return trimmed(field).len == 0;
}

static size_t times_used(const char *const *names, size_t count,
                         const char *name)
{
    size_t times = 0;

    for (size_t i = 0; i < count; i++)
        times += !strcmp(names[i], name);
    return times;
}

static char *unique(void *mem, const char *const *names, size_t count,
                    const char *name, size_t before)
{
    size_t suffix = before > 0 ? before + 1 : 2;
    char *made = talloc_asprintf(mem, "%s_%zu", name, suffix);

    while (times_used(names, count, made) > 0) {
        talloc_free(made);
        made = talloc_asprintf(mem, "%s_%zu", name, ++suffix);
    }
    return made;
}

const char **header_names(void *mem, const struct csv_record *header)
{
    const char **names =
        talloc_array(mem, const char *, (unsigned)header->count);
    /* As written, to number the duplicates without trying all numbers. */
    const char **written =
        talloc_array(names, const char *, (unsigned)header->count);

    for (size_t i = 0; i < header->count; i++) {
        struct csv_field f = trimmed(&header->fields[i]);
        const char *name;

        name = f.len ? talloc_strndup(names, f.text,
                                      utf8_cut(f.text, f.len, MAX_NAME))
                     : talloc_asprintf(names, "column_%zu", i + 1);
        written[i] = name;
        if (times_used(names, i, name) > 0)
            name = unique(names, names, i, name, times_used(written, i, name));
        names[i] = name;
    }
    talloc_free(written);
    return names;
}
