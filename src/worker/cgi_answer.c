#include "cgi_answer.h"

#include <string.h>
#include <strings.h>
#include <talloc.h>

static bool read_status(const char *value, int *ret, struct error *err)
{
    int status = 0;

    for (int i = 0; i < 3; i++) {
        if (value[i] < '0' || value[i] > '9')
            return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                             "the answer's Status is not a number");
        status = status * 10 + value[i] - '0';
    }
    if (status < 100 || (value[3] && value[3] != ' '))
        return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                         "the answer's Status is not one from 100 to 999");
    *ret = status;
    return true;
}

static bool take_line(void *mem, char *line, struct web_answer *answer,
                      struct error *err)
{
    char *colon = strchr(line, ':'), *value;

    if (!colon || colon == line)
        return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                         "the answer has a header line without a name");
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    if (!strcasecmp(line, "Status"))
        return read_status(value, &answer->status, err);
    if (!strcasecmp(line, "Content-Type"))
        answer->content_type = talloc_strdup(mem, value);
    else if (!strcasecmp(line, "Retry-After"))
        answer->retry_after = talloc_strdup(mem, value);
    return true;
}

static size_t without_return(const char *line, size_t len)
{
    return len > 0 && line[len - 1] == '\r' ? len - 1 : len;
}

bool cgi_answer_read(void *mem, const char *data, size_t len,
                     struct web_answer *ret, struct error *err)
{
    struct web_answer answer = {.status = 200};
    const char *end = data + len, *line = data, *feed;

    while (line < end && (feed = memchr(line, '\n', (size_t)(end - line)))) {
        size_t length = without_return(line, (size_t)(feed - line));
        char *copy;
        bool ok;

        if (length == 0) {
            answer.body = feed + 1;
            answer.len = (size_t)(end - feed - 1);
            *ret = answer;
            return true;
        }
        copy = talloc_strndup(mem, line, length);
        ok = take_line(mem, copy, &answer, err);
        talloc_free(copy);
        if (!ok)
            return false;
        line = feed + 1;
    }
    return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                     "the answer has no empty line after its headers");
}
