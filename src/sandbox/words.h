#ifndef SANDBOX_WORDS_H
#define SANDBOX_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A command line that grows. */
struct words {
    char **list; /* NULL-terminated */
    size_t count;
};

/* Add words; they are copied. */
#define words_add(words, ...)                                                  \
    words_add_list(words, (const char *const[]){__VA_ARGS__, NULL})

/* A list that NULL ends. */
void words_add_list(struct words *words, const char *const *list);

/* Add one word, made as by printf. */
void words_addf(struct words *words, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void words_done(struct words *words);

#endif
