#include "url.h"

#include <jansson.h>
#include <string.h>
#include <talloc.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool refuse(const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_url", "the URL contains %s",
                     what);
}

/* jansson makes strings of valid UTF-8 only. */
static bool is_utf8(const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);

    json_decref(string);
    return string;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* One character of the text at *at, which moves behind it; -1 if it is broken.
 */
static int next_char(const char *text, size_t len, size_t *at, bool plus)
{
    int high, low;
    char c = text[(*at)++];

    if (c == '+' && plus)
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (len - *at < 2)
        return -1;
    high = hex_value(text[(*at)++]);
    low = hex_value(text[(*at)++]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool url_decode(void *mem, const char *text, size_t len, bool plus, char **ret,
                struct error *err)
{
    char *out = talloc_size(mem, len + 1);
    size_t count = 0;

    for (size_t at = 0; at < len;) {
        int c = next_char(text, len, &at, plus);

        if (c < 0)
            return refuse("a % that no two hex digits follow", err);
        if (is_control((char)c))
            return refuse("a control character", err);
        out[count++] = (char)c;
    }
    out[count] = '\0';
    if (!is_utf8(out, count))
        return refuse("bytes that are not UTF-8", err);
    *ret = out;
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static char *encode(void *mem, const char *text, char also)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = talloc_size(mem, strlen(text) * 3 + 1), *to = out;

    for (; *text; text++) {
        if (is_unreserved(*text) || *text == also) {
            *to++ = *text;
            continue;
        }
        *to++ = '%';
        *to++ = digits[(unsigned char)*text >> 4];
        *to++ = digits[*text & 0x0f];
    }
    *to = '\0';
    return out;
}

char *url_encode(void *mem, const char *text)
{
    return encode(mem, text, '\0');
}

char *url_encode_path(void *mem, const char *path)
{
    return encode(mem, path, '/');
}
