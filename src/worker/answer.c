#include "answer.h"

#include "json.h"

#include <string.h>

static bool is_named(const struct json_member *member, const char *name)
{
    return strlen(name) == member->name_len &&
           !memcmp(name, member->name, member->name_len);
}

static struct span *place_of(struct answer *answer,
                             const struct json_member *member)
{
    const struct {
        const char *name;
        struct span *place;
    } places[] = {
        {"id",         &answer->id         },
        {"result",     &answer->result     },
        {"progress",   &answer->progress   },
        {"message",    &answer->message    },
        {"log",        &answer->log        },
        {"error",      &answer->error      },
        {"retry",      &answer->retry      },
        {"retryAfter", &answer->retry_after},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (is_named(member, places[i].name))
            return places[i].place;
    return NULL;
}

/* A string's text between the quotes. */
static bool unquote(struct span *span)
{
    if (!span->text || span->len < 2 || span->text[0] != '"')
        return false;
    span->text++;
    span->len -= 2;
    return true;
}

/* Whether nothing but the closing brace follows. */
static bool is_closed(const char *line, size_t len, size_t at)
{
    while (len > at && strchr(" \t\r", line[len - 1]))
        len--;
    return len > at && line[len - 1] == '}' &&
           strspn(line + at, " \t") == len - 1 - at;
}

bool answer_read(const char *line, size_t len, struct answer *ret)
{
    struct json_member member;
    size_t at = 0;

    *ret = (struct answer){0};
    while (json_next_member(line, len, &at, &member)) {
        struct span *place = place_of(ret, &member);

        if (place)
            *place = (struct span){member.value, member.value_len};
    }
    return is_closed(line, len, at) && unquote(&ret->id);
}

bool answer_read_id(const char *line, size_t len, struct span *ret)
{
    struct json_member member;
    size_t at = 0;

    if (!json_next_member(line, len, &at, &member) || !is_named(&member, "id"))
        return false;
    *ret = (struct span){member.value, member.value_len};
    return unquote(ret);
}
