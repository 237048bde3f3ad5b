#include "multipart_head.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>
#include <talloc.h>

#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TOKEN    LETTERS "!#$%&'*+-.^_`|~"
#define BOUNDARY LETTERS "'()+_,-./:=? "

#define MOST_BOUNDARY 70 /* RFC 2046, 5.1.1 */

/* A parameter that is looked for, and where its value goes. */
struct wanted {
    const char *name;
    char **ret;
};

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);

    json_decref(string);
    return string;
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t");
}

/*
 * A quoted string at *at, which moves behind it; NULL if it has no end. A
 * backslash hides a quote or another backslash only: browsers send the ones of
 * a Windows path as they are.
 */
static char *quoted(void *mem, const char **at)
{
    const char *from = *at + 1;
    char *value = talloc_size(mem, strlen(from) + 1), *to = value;

    while (*from && *from != '"') {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from++;
    }
    *to = '\0';
    *at = from + 1;
    return *from ? value : NULL;
}

/* The parameter at *at, which moves behind it; its name is NULL at the end. */
static bool next_param(void *mem, const char **at, char **ret_name,
                       char **ret_value, struct error *err)
{
    const char *text = skip_space(*at);
    size_t len;

    *ret_name = NULL;
    if (*text && *text != ';')
        return MULTIPART_BAD(err, "a \";\" was expected at \"%.40s\"", text);
    text = skip_space(text + strspn(text, ";"));
    *at = text;
    if (!*text)
        return true;
    len = strspn(text, TOKEN);
    if (len == 0 || text[len] != '=')
        return MULTIPART_BAD(err, "name=value was expected at \"%.40s\"", text);
    *ret_name = talloc_strndup(mem, text, len);
    *at = text += len + 1;
    if (*text == '"') {
        *ret_value = quoted(mem, at);
        return *ret_value ||
               MULTIPART_BAD(err, "the quote after %s= has no end", *ret_name);
    }
    len = strcspn(text, "; \t\"");
    *ret_value = talloc_strndup(mem, text, len);
    *at = text + len;
    return true;
}

/* Parameters nobody asked for are none of our business. */
static bool read_params(void *mem, const char *text,
                        const struct wanted *wanted, size_t count,
                        struct error *err)
{
    char *name, *value;

    do {
        if (!next_param(mem, &text, &name, &value, err))
            return false;
        for (size_t i = 0; name && i < count; i++) {
            if (strcasecmp(name, wanted[i].name) != 0)
                continue;
            if (*wanted[i].ret)
                return MULTIPART_BAD(err, "%s is given twice", name);
            *wanted[i].ret = value;
        }
    } while (name);
    return true;
}

bool multipart_boundary(void *mem, const char *content_type, char **ret,
                        struct error *err)
{
    char *boundary = NULL;
    const struct wanted wanted[] = {
        {"boundary", &boundary}
    };
    size_t len;

    content_type += strcspn(content_type, "; \t");
    if (!read_params(mem, content_type, wanted, 1, err))
        return error_prefix(err, "Content-Type");
    if (!boundary)
        return MULTIPART_BAD(err, "the Content-Type names no boundary");
    len = strlen(boundary);
    if (len == 0 || len > MOST_BOUNDARY || strspn(boundary, BOUNDARY) != len ||
        boundary[len - 1] == ' ')
        return MULTIPART_BAD(err,
                             "the boundary must be 1 to %d letters, digits "
                             "and '()+_,-./:=?",
                             MOST_BOUNDARY);
    *ret = boundary;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The byte that the three characters at `text` stand for, or -1. */
static int escaped(const char *text)
{
    int high = *text == '%' ? hex_digit(text[1]) : -1;
    int low = high >= 0 ? hex_digit(text[2]) : -1;

    return low < 0 ? -1 : high * 16 + low;
}

/* Browsers write a quote, CR and LF in a name as %22, %0D and %0A, and nothing
 * else so: a % that stands for itself stays. */
static void undo_browser(char *text)
{
    char *to = text;

    while (*text) {
        int c = escaped(text);

        if (c == '"' || c == '\r' || c == '\n') {
            *to++ = (char)c;
            text += 3;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
}

/* A byte of ISO 8859-1 as UTF-8. */
static char *add_latin(char *to, int c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* charset'language'text with its bytes as %XX (RFC 5987). */
static bool read_extended(void *mem, const char *text, char **ret,
                          struct error *err)
{
    const char *language = strchr(text, '\'');
    const char *from = language ? strchr(language + 1, '\'') : NULL;
    bool latin = !strncasecmp(text, "iso-8859-1'", 11);
    char *to;

    if (!from || (!latin && strncasecmp(text, "utf-8'", 6) != 0))
        return MULTIPART_BAD(err,
                             "filename* must begin with UTF-8'' or "
                             "ISO-8859-1''");
    *ret = to = talloc_size(mem, 2 * strlen(from));
    for (from++; *from; from += *from == '%' ? 3 : 1) {
        int c = *from == '%' ? escaped(from) : *from;

        if (c <= 0)
            return MULTIPART_BAD(err,
                                 "filename* has a bad character at "
                                 "\"%.20s\"",
                                 from);
        if (latin)
            to = add_latin(to, c);
        else
            *to++ = (char)c;
    }
    *to = '\0';
    return is_utf8(*ret) || MULTIPART_BAD(err, "filename* is not UTF-8");
}

static bool read_disposition(void *mem, const char *value,
                             struct multipart_part *part, struct error *err)
{
    char *name = NULL, *filename = NULL, *extended = NULL;
    const struct wanted wanted[] = {
        {"name",      &name    },
        {"filename",  &filename},
        {"filename*", &extended}
    };
    size_t len = strcspn(value, "; \t");

    if (len != 9 || strncasecmp(value, "form-data", 9) != 0)
        return MULTIPART_BAD(err, "it must be form-data, not %.40s", value);
    if (!read_params(mem, value + len, wanted, 3, err))
        return false;
    if (!name)
        return MULTIPART_BAD(err, "there is no name");
    undo_browser(name);
    if (!is_utf8(name))
        return MULTIPART_BAD(err, "the name is not UTF-8");
    if (filename)
        undo_browser(filename);
    if (extended && !read_extended(mem, extended, &filename, err))
        return false;
    part->name = name;
    part->filename = filename;
    return true;
}

/* Parts come as they are: nobody sends the old encodings of mail any more. */
static bool check_encoding(const char *value, struct error *err)
{
    return !strcasecmp(value, "binary") || !strcasecmp(value, "8bit") ||
           !strcasecmp(value, "7bit") ||
           MULTIPART_BAD(err, "%.40s is not taken, only binary", value);
}

static bool read_field(void *mem, const char *name, char *value,
                       struct multipart_part *part, struct error *err)
{
    if (!strcasecmp(name, "Content-Disposition")) {
        if (part->name)
            return MULTIPART_BAD(err, "it is given twice");
        return read_disposition(mem, value, part, err);
    }
    if (!strcasecmp(name, "Content-Type") && *value)
        part->content_type = value;
    if (!strcasecmp(name, "Content-Transfer-Encoding"))
        return check_encoding(value, err);
    return true;
}

static bool read_line(void *mem, char *line, struct multipart_part *part,
                      struct error *err)
{
    size_t name_len = strspn(line, TOKEN);
    char *value = line + name_len, *end = line + strlen(line);

    if (name_len == 0 || *value != ':')
        return MULTIPART_BAD(err, "\"%.40s\" is no header line", line);
    *value++ = '\0';
    value += strspn(value, " \t");
    while (end > value && strchr(" \t", end[-1]))
        *--end = '\0';
    return read_field(mem, line, value, part, err) ||
           error_prefix(err, "%.40s", line);
}

/* Join continued lines, and end each line with a zero byte in place of its CR.
 * A control character that is none of these belongs into no header. */
static bool split_lines(char *head, size_t len, struct error *err)
{
    for (size_t i = 0; i < len; i++) {
        bool line_ends = i + 1 < len && head[i] == '\r' && head[i + 1] == '\n';
        bool goes_on = line_ends && i + 2 < len && strchr(" \t", head[i + 2]);

        if (line_ends) {
            head[i] = goes_on ? ' ' : '\0';
            head[++i] = ' ';
        } else if (((unsigned char)head[i] < 0x20 && head[i] != '\t') ||
                   head[i] == 0x7f) {
            return MULTIPART_BAD(err,
                                 "a control character (%d) is in the "
                                 "header",
                                 head[i]);
        }
    }
    return true;
}

bool multipart_head(void *mem, const char *head, size_t len,
                    struct multipart_part *ret, struct error *err)
{
    struct multipart_part part = {0};
    char *line = talloc_memdup(mem, head, len);
    const char *end = line + len - 2; /* the empty line */

    if (!split_lines(line, len, err))
        return false;
    while (line < end) {
        char *next = line + strlen(line) + 2;

        if (!read_line(mem, line, &part, err))
            return false;
        line = next;
    }
    if (!part.name)
        return MULTIPART_BAD(err, "there is no Content-Disposition");
    *ret = part;
    return true;
}
