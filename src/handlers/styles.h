/* Which of a workbook's cell styles make dates of numbers. */
#ifndef HANDLERS_STYLES_H
#define HANDLERS_STYLES_H

#include "package.h"
#include "serial.h"

enum { STYLES_MOST = 65536, FORMATS_MOST = 4096 }; /* Excel: 65,490 and 250 */

struct styles;

/* Where there is no such part, none does. NULL on failure. */
struct styles *styles_read(void *mem, struct package *package, const char *name,
                           struct fault *err);

enum serial_kind styles_kind(const struct styles *styles, long style);

#endif
