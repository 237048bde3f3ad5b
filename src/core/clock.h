#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "error.h"

#include <stdint.h>

/* Milliseconds since the epoch, and of a clock that never jumps. */
int64_t clock_now_ms(void);
int64_t clock_mono_ms(void);

#define CLOCK_TEXT 32 /* holds any time's text */

/* RFC 3339 in UTC with milliseconds: "2026-11-22T01:40:00.000Z". What lies
 * outside the years 1 to 9999 becomes the nearest time within. */
void clock_format(int64_t ms, char ret[CLOCK_TEXT]);
char *clock_text(void *mem, int64_t ms);

/* Any RFC 3339 time with an offset ("Z", "+01:00"), to ms since the epoch.
 * Failing is ERROR_INVALID with the code "invalid_time". */
bool clock_parse(const char *text, int64_t *ret, struct error *err) MUST_CHECK;

/*
 * A duration: "500ms", "90s", "10m", "2h", "7d", several in falling order
 * ("1h30m"). Never negative, at most 10 years (3650 days). Failing is
 * ERROR_INVALID with the code "invalid_duration".
 */
bool duration_parse(const char *text, int64_t *ret_ms,
                    struct error *err) MUST_CHECK;

/* A short text that duration_parse reads back: "90s", "10m", "1h30m". */
char *duration_text(void *mem, int64_t ms);

#endif
