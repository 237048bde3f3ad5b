#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* What is known of an output: where it is no terminal, width and height are 0
 * and there are no colours. */
struct term {
    bool tty, colour;
    int width, height;
};

/* Of a file descriptor, as it is now. Colours: on a terminal that is not dumb,
 * where NO_COLOR is not set. */
struct term term_of(int fd);

enum colour { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, CYAN };

/* The sequence that begins a colour, and "" where there are none. PLAIN ends
 * it. */
const char *term_colour(const struct term *term, enum colour colour);

/* The colour of a job's status or state, of an outcome, of a verdict. */
enum colour term_colour_of(const char *word);

/* How many columns a text takes; control characters count as one. */
int term_columns(const char *text);

/*
 * The text for a line: at most `width` columns (0: as many as it takes), an
 * ellipsis where something was left out, and a space for each control
 * character, so that no text from elsewhere moves the cursor. On `mem`.
 */
char *term_clip(void *mem, const char *text, int width);

/* The same without the cut, but with line breaks and tabs as they are. */
char *term_clean(void *mem, const char *text);

#endif
