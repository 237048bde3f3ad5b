#include "book_parts.h"
#include "markup.h"

#include <string.h>
#include <talloc.h>

enum { MOST_RELATIONS = 10000 };

struct reading {
    struct relations *relations;
    void *mem;
    const char *folder; /* of the part that they are of, with its slash */
};

/* The end of a path without its last part: "xl/a" to "xl", "a" to "". */
static size_t cut_last(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* "../sheet1.xml" as seen from a folder; the package's own root is "". */
static const char *resolve(void *mem, const char *folder, const char *target)
{
    const char *whole =
        talloc_asprintf(mem, "%s/%s", *target == '/' ? "" : folder, target);
    char *ret = talloc_zero_size(mem, strlen(whole) + 1);
    size_t len = 0, part;

    for (; *whole; whole += part) {
        whole += strspn(whole, "/");
        part = strcspn(whole, "/");
        if (part == 2 && !strncmp(whole, "..", 2)) {
            len = cut_last(ret, len);
        } else if (part > 1 || (part == 1 && *whole != '.')) {
            if (len > 0)
                ret[len++] = '/';
            memcpy(ret + len, whole, part);
            len += part;
        }
    }
    ret[len] = 0;
    return ret;
}

static const char *last_word(const char *type)
{
    const char *slash = strrchr(type, '/');

    return slash ? slash + 1 : type;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    struct reading *in = arg;
    struct relations *to = in->relations;
    const char *id = markup_attribute(attributes, "Id");
    const char *type = markup_attribute(attributes, "Type");
    const char *target = markup_attribute(attributes, "Target");

    if (strcmp(name, "Relationship") != 0 || !id || !type || !target ||
        to->count == MOST_RELATIONS)
        return;
    to->list = talloc_realloc(in->mem, to->list, struct relation,
                              (unsigned)to->count + 1);
    to->list[to->count++] = (struct relation){
        talloc_strdup(in->mem, id), talloc_strdup(in->mem, last_word(type)),
        resolve(in->mem, in->folder, target)};
}

static void on_end(void *arg, const char *name)
{
    (void)arg, (void)name;
}

bool relations_read(void *mem, struct package *package, const char *of,
                    struct relations *ret, struct fault *err)
{
    static const struct markup_handler handler = {on_start, on_end, NULL};
    const char *base = strrchr(of, '/');
    int len = base ? (int)(base + 1 - of) : 0;
    struct reading in = {ret, mem, talloc_strndup(mem, of, (size_t)len)};
    const char *part =
        talloc_asprintf(mem, "%s_rels/%s.rels", in.folder, of + len);

    *ret = (struct relations){0};
    return !package_has(package, part) ||
           markup_read(mem, package, part, &handler, &in, err);
}

const char *relations_by_type(const struct relations *relations,
                              const char *type)
{
    for (size_t i = 0; i < relations->count; i++)
        if (!strcmp(relations->list[i].type, type))
            return relations->list[i].part;
    return NULL;
}

const struct relation *relations_by_id(const struct relations *relations,
                                       const char *id)
{
    for (size_t i = 0; id && i < relations->count; i++)
        if (!strcmp(relations->list[i].id, id))
            return &relations->list[i];
    return NULL;
}
