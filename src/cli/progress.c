#include "progress.h"

#include <string.h>
#include <talloc.h>

#define WIDEST 47

char *progress_bar(void *mem, int percent, int width)
{
    int inside = (width < 10 ? 10 : width) - 7;
    char *bar;

    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    bar = talloc_asprintf(mem, "[%*s] %3d%%", inside, "", percent);
    memset(bar + 1, '.', (size_t)inside);
    memset(bar + 1, '#', (size_t)(percent * inside / 100));
    return bar;
}

char *progress_line(void *mem, const struct term *term, int percent,
                    const char *text)
{
    int width = term->width / 2;
    char *bar = progress_bar(mem, percent, width < WIDEST ? width : WIDEST);

    return term_clip(mem, talloc_asprintf(mem, "%s  %s", bar, text),
                     term->width > 1 ? term->width - 1 : 0);
}
