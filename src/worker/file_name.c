#include "file_name.h"

#include "text.h"

#include <string.h>
#include <talloc.h>

#define MAX_SUFFIX 16

/* Where the suffix begins, the end of the name if it has none. */
static const char *suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && dot > name && strlen(dot) <= MAX_SUFFIX ? dot
                                                          : name + strlen(name);
}

/* Stem and suffix within the limit; the stem gives way. */
static char *join(void *mem, const char *stem, size_t stem_len,
                  const char *suffix)
{
    size_t room = FILE_NAME_MAX - strlen(suffix);

    stem_len = text_cut(stem, stem_len, room);
    return talloc_asprintf(mem, "%.*s%s", (int)stem_len, stem, suffix);
}

char *file_name_clean(void *mem, const char *name)
{
    char *clean = text_clean(mem, name, strlen(name));
    const char *suffix;
    char *ret;

    for (char *c = clean; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '/')
            *c = '_';
    if (*clean == '.')
        *clean = '_';
    suffix = suffix_of(clean);
    ret = *clean ? join(mem, clean, (size_t)(suffix - clean), suffix)
                 : talloc_strdup(mem, "file");
    talloc_free(clean);
    return ret;
}

char *file_name_variant(void *mem, const char *name, int nth)
{
    const char *suffix = suffix_of(name);
    char *end = talloc_asprintf(mem, "-%d%s", nth, suffix);
    char *ret = join(mem, name, (size_t)(suffix - name), end);

    talloc_free(end);
    return ret;
}
