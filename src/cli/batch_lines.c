#include "batch_lines.h"

#include "job_option.h"

#include <inttypes.h>
#include <string.h>
#include <talloc.h>

/* A portion: what a request may hold is 64 times the largest JSON body. */
#define MOST_JOBS  10000
#define MOST_BYTES (16 << 20)

bool batch_lines_open(void *mem, const char *path, struct batch_lines *ret,
                      struct error *err)
{
    size_t len;
    char *text;

    if (!read_whole(mem, path ? path : "-", &text, &len, err))
        return false;
    *ret = (struct batch_lines){
        .name = path && strcmp(path, "-") != 0 ? path : "stdin",
        .text = text,
        .end = text + len,
        .line = 1,
    };
    return true;
}

static size_t line_length(const struct batch_lines *lines)
{
    size_t rest = (size_t)(lines->end - lines->text);
    const char *end = memchr(lines->text, '\n', rest);

    return end ? (size_t)(end - lines->text) : rest;
}

static void skip_line(struct batch_lines *lines, size_t len)
{
    lines->text += len;
    if (lines->text < lines->end)
        lines->text++;
    lines->line++;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r", text[i]))
            return false;
    return true;
}

static bool write_line(const struct batch_lines *lines, size_t len,
                       struct json_out *out, struct error *err)
{
    void *mem = talloc_new(NULL);
    char *text = talloc_strndup(mem, lines->text, len);
    json_t *json = NULL;
    bool ok = json_parse(mem, text, len, &json, err);

    if (ok && !json_is_object(json))
        ok = error_set(err, ERROR_INVALID, "usage",
                       "a job must be a JSON object");
    if (ok)
        json_add_raw(out, NULL, text);
    else
        error_prefix(err, "%s, line %" PRId64, lines->name, lines->line);
    talloc_free(mem);
    return ok;
}

bool batch_lines_write(struct batch_lines *lines, struct json_out *out,
                       struct error *err)
{
    const char *begin = lines->text;

    lines->first_line = lines->line;
    for (int count = 0; lines->text < lines->end && count < MOST_JOBS &&
                        lines->text - begin < MOST_BYTES;) {
        size_t len = line_length(lines);

        if (!is_blank(lines->text, len)) {
            if (!write_line(lines, len, out, err))
                return false;
            count++;
            lines->jobs++;
        }
        skip_line(lines, len);
    }
    return true;
}

bool batch_lines_at_end(const struct batch_lines *lines)
{
    return lines->text == lines->end;
}
