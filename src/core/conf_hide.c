#include "conf_hide.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

/* The text with what lies from `from` up to `to` hidden. */
static char *hide(void *mem, const char *text, const char *from, const char *to)
{
    return talloc_asprintf(mem, "%.*s***%s", (int)(from - text), text, to);
}

static bool is_uri(const char *url)
{
    return !strncmp(url, "postgresql://", 13) ||
           !strncmp(url, "postgres://", 11);
}

/*
 * postgresql://user:password@host: a password that was not percent-encoded may
 * hold any character, so it ends at the last @. Better to hide too much.
 */
static char *hide_user_info(void *mem, const char *uri)
{
    const char *user = strstr(uri, "://") + 3, *at = strchr(user, '@');
    const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;

    return colon ? hide(mem, uri, colon + 1, strrchr(uri, '@'))
                 : talloc_strdup(mem, uri);
}

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* Past a value of a conninfo: 'in quotes', or up to a space; \ escapes. */
static const char *conninfo_value_end(const char *value)
{
    bool quoted = *value == '\'';
    const char *at = value + quoted;

    for (; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (quoted ? *at == '\'' : isspace((unsigned char)*at))
            break;
    }
    return at + (quoted && *at);
}

char *conf_hide_password(void *mem, const char *url)
{
    static const char key[] = "password"; /* and sslpassword */
    bool uri = is_uri(url);
    char *text = uri ? hide_user_info(mem, url) : talloc_strdup(mem, url);
    const char *at = text;

    while ((at = strstr(at, key))) {
        size_t value;

        at = skip_space(at + sizeof(key) - 1);
        if (*at != '=')
            continue;
        at = skip_space(at + 1);
        value = (size_t)(at - text);
        text = hide(mem, text, at,
                    uri ? at + strcspn(at, "&") : conninfo_value_end(at));
        at = text + value;
    }
    return text;
}
