#include "texts.h"
#include "markup.h"

#include <string.h>
#include <talloc.h>

struct texts {
    char *bytes;
    size_t len, room;
    uint32_t *ends; /* of each text in bytes */
    size_t count, slots;
    struct markup *markup; /* while it is read */
    int phonetic;          /* within how a text is pronounced */
    bool in_text;
};

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct texts *texts = arg;

    (void)attributes;
    if (!strcmp(name, "rPh"))
        texts->phonetic++;
    else if (!strcmp(name, "t"))
        texts->in_text = texts->phonetic == 0;
}

static void refuse(struct texts *texts)
{
    fault_set(markup_fail(texts->markup), FAULT_DATA, "too_many_texts",
              "the workbook has more than %d MiB of different texts: save the "
              "sheet as CSV",
              TEXTS_MOST_BYTES >> 20);
}

static void on_text(void *arg, const char *text, size_t len)
{
    struct texts *texts = arg;

    if (!texts->in_text)
        return;
    if (len > TEXTS_MOST_BYTES - texts->len) {
        refuse(texts);
        return;
    }
    while (texts->room - texts->len < len) {
        texts->room = texts->room ? texts->room * 2 : 4096;
        texts->bytes = talloc_realloc_size(texts, texts->bytes, texts->room);
    }
    memcpy(texts->bytes + texts->len, text, len);
    texts->len += len;
}

static void add_end(struct texts *texts)
{
    if (texts->count == TEXTS_MOST) {
        refuse(texts);
        return;
    }
    if (texts->count == texts->slots) {
        texts->slots = texts->slots ? texts->slots * 2 : 256;
        texts->ends = talloc_realloc(texts, texts->ends, uint32_t,
                                     (unsigned)texts->slots);
    }
    texts->ends[texts->count++] = (uint32_t)texts->len;
}

static void on_end(void *arg, const char *name)
{
    struct texts *texts = arg;

    if (!strcmp(name, "rPh"))
        texts->phonetic--;
    else if (!strcmp(name, "t"))
        texts->in_text = false;
    else if (!strcmp(name, "si"))
        add_end(texts);
}

struct texts *texts_read(void *mem, struct package *package, const char *name,
                         struct fault *err)
{
    static const struct markup_handler handler = {on_start, on_end, on_text};
    struct texts *texts = talloc_zero(mem, struct texts);
    struct part *part;

    if (!name || !package_has(package, name))
        return texts;
    part = part_open(texts, package, name, err);
    if (part) {
        texts->markup = markup_new(texts, part, &handler, texts);
        if (markup_run(texts->markup, err) == MARKUP_END) {
            TALLOC_FREE(texts->markup);
            return texts;
        }
    }
    talloc_free(texts);
    return NULL;
}

bool texts_get(const struct texts *texts, size_t place, const char **ret,
               size_t *ret_len)
{
    size_t start;

    if (place >= texts->count)
        return false;
    start = place > 0 ? texts->ends[place - 1] : 0;
    *ret = texts->bytes ? texts->bytes + start : "";
    *ret_len = texts->ends[place] - start;
    return true;
}
