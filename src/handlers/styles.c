#include "styles.h"
#include "markup.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* A format that the workbook itself describes. */
struct format {
    long number;
    enum serial_kind kind;
};

struct styles {
    struct format *formats;
    enum serial_kind *kinds; /* of the cells' styles */
    size_t format_count, count;
    bool in_cells;
};

static long number_of(const char **attributes, const char *name)
{
    const char *text = markup_attribute(attributes, name);

    return text ? strtol(text, NULL, 10) : 0;
}

static void add_format(struct styles *styles, const char **attributes)
{
    const char *code = markup_attribute(attributes, "formatCode");

    if (!code || styles->format_count == FORMATS_MOST)
        return;
    styles->formats = talloc_realloc(styles, styles->formats, struct format,
                                     (unsigned)styles->format_count + 1);
    styles->formats[styles->format_count++] =
        (struct format){number_of(attributes, "numFmtId"), serial_kind(code)};
}

static enum serial_kind kind_of(const struct styles *styles, long number)
{
    for (size_t i = 0; i < styles->format_count; i++)
        if (styles->formats[i].number == number)
            return styles->formats[i].kind;
    return serial_builtin(number);
}

static void add_style(struct styles *styles, const char **attributes)
{
    if (styles->count == STYLES_MOST)
        return;
    styles->kinds = talloc_realloc(styles, styles->kinds, enum serial_kind,
                                   (unsigned)styles->count + 1);
    styles->kinds[styles->count++] =
        kind_of(styles, number_of(attributes, "numFmtId"));
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct styles *styles = arg;

    if (!strcmp(name, "numFmt"))
        add_format(styles, attributes);
    else if (!strcmp(name, "cellXfs"))
        styles->in_cells = true;
    else if (styles->in_cells && !strcmp(name, "xf"))
        add_style(styles, attributes);
}

static void on_end(void *arg, const char *name)
{
    struct styles *styles = arg;

    if (!strcmp(name, "cellXfs"))
        styles->in_cells = false;
}

struct styles *styles_read(void *mem, struct package *package, const char *name,
                           struct fault *err)
{
    static const struct markup_handler handler = {on_start, on_end, NULL};
    struct styles *styles = talloc_zero(mem, struct styles);

    if (name && package_has(package, name) &&
        !markup_read(styles, package, name, &handler, styles, err))
        TALLOC_FREE(styles);
    return styles;
}

enum serial_kind styles_kind(const struct styles *styles, long style)
{
    return style >= 0 && (size_t)style < styles->count ? styles->kinds[style]
                                                       : SERIAL_NUMBER;
}
