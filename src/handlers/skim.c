#include "skim.h"

#include <string.h>

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && strchr(" \t\r\n", *c->at) && *c->at)
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* From behind the opening quote to behind the closing one. */
static bool skip_string(struct cursor *c)
{
    for (; c->at < c->end; c->at++) {
        if (*c->at == '"') {
            c->at++;
            return true;
        }
        if (*c->at == '\\')
            c->at++;
    }
    c->at = c->end;
    return false;
}

/* Over an object or array: only brackets outside strings count. */
static bool skip_nested(struct cursor *c)
{
    int depth = 0;

    while (c->at < c->end) {
        char byte = *c->at++;

        if (byte == '"' && !skip_string(c))
            return false;
        if (byte == '{' || byte == '[')
            depth++;
        if ((byte == '}' || byte == ']') && --depth == 0)
            return true;
    }
    return false;
}

/* Over a number, true, false or null. */
static bool skip_word(struct cursor *c)
{
    const char *start = c->at;

    while (c->at < c->end && !strchr(",}] \t\r\n", *c->at))
        c->at++;
    return c->at > start;
}

static bool skip_value(struct cursor *c)
{
    skip_space(c);
    if (c->at == c->end)
        return false;
    if (*c->at == '{' || *c->at == '[')
        return skip_nested(c);
    if (*c->at != '"')
        return skip_word(c);
    c->at++;
    return skip_string(c);
}

static struct skim_member *wanted(struct skim_member *members, size_t count,
                                  const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (!strncmp(members[i].name, name, len) && !members[i].name[len])
            return &members[i];
    return NULL;
}

/* One "name": value. */
static bool skim_pair(struct cursor *c, struct skim_member *members,
                      size_t count)
{
    struct skim_member *member;
    const char *name;

    if (!take(c, '"'))
        return false;
    name = c->at;
    if (!skip_string(c))
        return false;
    member = wanted(members, count, name, (size_t)(c->at - name - 1));
    if (!take(c, ':'))
        return false;
    skip_space(c);
    name = c->at;
    if (!skip_value(c))
        return false;
    if (member) {
        member->value = name;
        member->len = (size_t)(c->at - name);
    }
    return true;
}

bool skim(const char *text, size_t len, struct skim_member *members,
          size_t count)
{
    struct cursor c = {text, text + len};

    for (size_t i = 0; i < count; i++)
        members[i].value = NULL, members[i].len = 0;
    if (!take(&c, '{'))
        return false;
    if (take(&c, '}'))
        return true;
    do {
        if (!skim_pair(&c, members, count))
            return false;
    } while (take(&c, ','));
    return take(&c, '}');
}
