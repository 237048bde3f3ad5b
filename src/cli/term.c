#include "term.h"

#include "buf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <talloc.h>
#include <unistd.h>
#include <wchar.h>

struct term term_of(int fd)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    struct term term = {.tty = isatty(fd)};
    struct winsize size = {0};

    if (!term.tty)
        return term;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 ||
        size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    term.width = size.ws_col;
    term.height = size.ws_row;
    term.colour =
        !(no_colour && *no_colour) && kind && strcmp(kind, "dumb") != 0;
    return term;
}

const char *term_colour(const struct term *term, enum colour colour)
{
    static const char *const sequences[] = {
        [PLAIN] = "\033[0m", [BOLD] = "\033[1m",   [DIM] = "\033[2m",
        [RED] = "\033[31m",  [GREEN] = "\033[32m", [YELLOW] = "\033[33m",
        [CYAN] = "\033[36m",
    };

    return term->colour ? sequences[colour] : "";
}

enum colour term_colour_of(const char *word)
{
    static const struct {
        const char *word;
        enum colour colour;
    } words[] = {
        {"completed",  GREEN },
        {"ok",         GREEN },
        {"failed",     RED   },
        {"discarded",  RED   },
        {"fail",       RED   },
        {"timeout",    RED   },
        {"lost",       RED   },
        {"cancelled",  YELLOW},
        {"warn",       YELLOW},
        {"retryable",  YELLOW},
        {"processing", CYAN  },
        {"active",     CYAN  },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(words[i].word, word))
            return words[i].colour;
    return PLAIN;
}

/* One character of UTF-8: how many bytes, and how many columns. What is not
 * UTF-8, or moves the cursor, is a column of its own. */
struct glyph {
    size_t bytes;
    int columns;
    bool control;
};

static wchar_t decode(const char *text, size_t *ret_bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
    unsigned c = more ? *at & (0x3fu >> more) : *at;

    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            *ret_bytes = 1;
            return 0;
        }
        c = c << 6 | (at[i] & 0x3f);
    }
    *ret_bytes = 1 + more;
    return (wchar_t)c;
}

static bool is_control(wchar_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static struct glyph glyph_at(const char *text)
{
    struct glyph glyph;
    wchar_t c = decode(text, &glyph.bytes);

    glyph.control = is_control(c);
    glyph.columns = glyph.control || c < 0x80 ? 1 : wcwidth(c);
    if (glyph.columns < 0)
        glyph.columns = 1;
    return glyph;
}

int term_columns(const char *text)
{
    int columns = 0;

    while (*text) {
        struct glyph glyph = glyph_at(text);

        columns += glyph.columns;
        text += glyph.bytes;
    }
    return columns;
}

static void add_glyph(struct buf *out, const char *text, struct glyph glyph)
{
    if (glyph.control)
        buf_add_char(out, ' ');
    else
        buf_add(out, text, glyph.bytes);
}

char *term_clip(void *mem, const char *text, int width)
{
    bool cut = width > 0 && term_columns(text) > width;
    int left = cut ? width - 1 : INT_MAX;
    struct buf out;

    buf_init(&out, mem, strlen(text) + 4);
    while (*text) {
        struct glyph glyph = glyph_at(text);

        left -= glyph.columns;
        if (left < 0)
            break;
        add_glyph(&out, text, glyph);
        text += glyph.bytes;
    }
    if (cut)
        buf_add_text(&out, "\u2026");
    buf_text(&out);
    return out.data;
}

char *term_clean(void *mem, const char *text)
{
    struct buf out;

    buf_init(&out, mem, strlen(text) + 1);
    while (*text) {
        struct glyph glyph = glyph_at(text);

        if (*text == '\n' || *text == '\t')
            glyph.control = false;
        add_glyph(&out, text, glyph);
        text += glyph.bytes;
    }
    buf_text(&out);
    return out.data;
}
