#include "environment.h"

#include <string.h>
#include <talloc.h>

struct environment {
    char **list; /* "NAME=value", and NULL at the end */
    unsigned count;
};

/* The place of a variable, that behind the last one if it is not there. */
static unsigned place_of(const struct environment *env, const char *name)
{
    size_t len = strlen(name);
    unsigned i = 0;

    while (i < env->count &&
           (strncmp(env->list[i], name, len) != 0 || env->list[i][len] != '='))
        i++;
    return i;
}

void environment_set(struct environment *env, const char *name,
                     const char *value)
{
    unsigned at = place_of(env, name);

    if (!value)
        return;
    if (at == env->count) {
        env->count++;
        env->list = talloc_realloc(env, env->list, char *, env->count + 1);
        env->list[env->count] = NULL;
    }
    env->list[at] = talloc_asprintf(env, "%s=%s", name, value);
}

struct environment *environment_new(void *mem)
{
    struct environment *env = talloc_zero(mem, struct environment);

    environment_set(env, "PATH", "/usr/local/bin:/usr/bin:/bin");
    environment_set(env, "LANG", "C.UTF-8");
    return env;
}

char *const *environment_list(struct environment *env)
{
    return env->list;
}
