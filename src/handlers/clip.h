/* The beginning of a value, to show: a fixed size whatever the value. */
#ifndef HANDLERS_CLIP_H
#define HANDLERS_CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIP_MAX = 62 };

struct clip {
    uint8_t len;
    bool cut; /* the value goes on behind text */
    char text[CLIP_MAX];
};

void clip_set(struct clip *clip, const char *text, size_t len);

/* Order of the value against the clip, as memcmp; a cut tail is unknown. */
int clip_compare(const struct clip *clip, const char *text, size_t len);

/* The text, with an ellipsis if it was cut; ret holds CLIP_SHOWN bytes. */
enum { CLIP_SHOWN = CLIP_MAX + 4 };
const char *clip_show(const struct clip *clip, char *ret);

#endif
