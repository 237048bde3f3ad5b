#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static char *read_help(void *mem)
{
    char *text = NULL, *copy;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    conf_help(out);
    fclose(out);
    copy = talloc_strdup(mem, text);
    free(text);
    return copy;
}

static char *read_manual(void *mem)
{
    const char *top = getenv("top_srcdir");
    char *path =
        talloc_asprintf(mem, "%s/doc/millrace.conf.5", top ? top : ".");
    char *text = talloc_zero_size(mem, 1 << 20);
    FILE *file = fopen(path, "r");

    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

/* The next word at or after *at that has the form of a setting's name. */
static bool next_name(const char **at, char *ret, size_t size)
{
    const char *found = strstr(*at, "MILLRACE_"), *url;
    size_t len = 0;

    url = strstr(*at, "DATABASE_URL");
    if (!found || (url && url < found))
        found = url;
    if (!found)
        return false;
    while (isupper((unsigned char)found[len]) || found[len] == '_')
        len++;
    assert_true(len < size);
    snprintf(ret, size, "%.*s", (int)len, found);
    *at = found + len;
    return true;
}

static bool has_name(const char *text, const char *name)
{
    char other[64];

    while (next_name(&text, other, sizeof(other)))
        if (!strcmp(other, name))
            return true;
    return false;
}

static void the_manual_and_the_table_name_the_same(void **state)
{
    void *mem = talloc_new(NULL);
    char *manual = read_manual(mem), *help = read_help(mem);
    char name[64];

    (void)state;
    for (const char *at = help; next_name(&at, name, sizeof(name));)
        if (!has_name(manual, name))
            fail_msg("%s is not in doc/millrace.conf.5", name);
    for (const char *at = manual; next_name(&at, name, sizeof(name));)
        if (!has_name(help, name))
            fail_msg("%s of doc/millrace.conf.5 is no setting", name);
    talloc_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_and_the_table_name_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
