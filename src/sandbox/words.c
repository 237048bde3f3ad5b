#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct words *words, char *word)
{
    words->list =
        realloc(words->list, (words->count + 2) * sizeof(*words->list));
    if (!words->list || !word)
        abort();
    words->list[words->count++] = word;
    words->list[words->count] = NULL;
}

void words_add_list(struct words *words, const char *const *list)
{
    for (; *list; list++)
        add(words, strdup(*list));
}

void words_addf(struct words *words, const char *fmt, ...)
{
    char *word = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&word, fmt, args) < 0)
        abort();
    va_end(args);
    add(words, word);
}

void words_done(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
}
