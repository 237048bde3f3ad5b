#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "term.h"

/* "[######........]  42%": `width` columns whole, at least 10. */
char *progress_bar(void *mem, int percent, int width);

/* One line for a terminal: the bar, and what there is to say, as wide as the
 * terminal at most. */
char *progress_line(void *mem, const struct term *term, int percent,
                    const char *text);

#endif
