#include "result.h"

#include "json.h"
#include "text.h"

#include <string.h>
#include <talloc.h>

static bool is_json(const char *data, size_t len)
{
    void *scratch = talloc_new(NULL);
    struct error err;
    json_t *tree;
    bool ok = json_parse(scratch, data, len, &tree, &err);

    talloc_free(scratch);
    return ok;
}

static char *quoted(void *mem, const char *data, size_t len)
{
    struct json_out *out = json_out_new(mem);
    char *text = text_clean(out, data, len), *ret;

    json_add_string(out, NULL, text);
    ret = talloc_strdup(mem, json_out_text(out, NULL));
    talloc_free(out);
    return ret;
}

char *result_of_output(void *mem, const char *data, size_t len)
{
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
        len--;
    if (len == 0)
        return NULL;
    return is_json(data, len) ? talloc_strndup(mem, data, len)
                              : quoted(mem, data, len);
}
