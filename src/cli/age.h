#ifndef CLI_AGE_H
#define CLI_AGE_H

#include <stdint.h>

/*
 * A time as people say it: "3m ago", "in 2h", "now"; one unit, rounded down.
 */
char *age_text(void *mem, int64_t at_ms, int64_t now_ms);

/* How long something took or takes: "850ms", "3.2s", "2m05s", "3h10m", "4d02h".
 */
char *age_span(void *mem, int64_t ms);

#endif
