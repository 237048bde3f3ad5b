#include "type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define LEAST                                                                  \
    "{\"type\": \"t\", \"run\": {\"kind\": \"program\", \"command\": [\"x\"]}"

static int make_context(void **state)
{
    *state = talloc_new(NULL);
    return 0;
}

static int free_context(void **state)
{
    talloc_free(*state);
    return 0;
}

struct folder {
    char path[64];
    void *mem;
};

static void write_file(const struct folder *folder, const char *name,
                       const char *text)
{
    char *path = talloc_asprintf(folder->mem, "%s/%s", folder->path, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct folder folder_new(void *mem)
{
    struct folder folder = {"/tmp/test_type.XXXXXX", mem};

    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static void folder_remove(const struct folder *folder)
{
    static const char *const names[] = {"a.json", "b.json", "c.txt", ".d.json"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unlink(talloc_asprintf(folder->mem, "%s/%s", folder->path, names[i]));
    rmdir(folder->path);
}

static void a_folder_is_read_in_order(void **state)
{
    struct folder folder = folder_new(*state);
    struct job_types types;
    struct db_args args;
    struct error err;

    write_file(&folder, "b.json",
               "{\"type\": \"b\", \"run\": {\"kind\": "
               "\"process\", \"command\": [\"x\"]}}");
    write_file(&folder, "a.json",
               LEAST
               ", \"retry\": {}, \"concurrency\": 9, \"fairKey\": \"owner\", "
               "\"retention\": {}}");
    write_file(&folder, "c.txt", "no type");
    write_file(&folder, ".d.json", "no type either");
    assert_true(type_read_all(*state, folder.path, &types, &err));
    folder_remove(&folder);

    assert_int_equal(types.count, 2);
    assert_string_equal(types.list[0].type, "t");
    assert_string_equal(types.list[1].type, "b");
    assert_string_equal(type_names(*state, &types), "{\"t\",\"b\"}");
    args = type_register_args(*state, &types);
    assert_int_equal(args.count, 10);
    assert_string_equal(args.values[0], "{\"t\",\"b\"}");
    assert_string_equal(args.values[4], "{600000,600000}");
    assert_string_equal(args.values[6], "{\"{}\",NULL}");
    assert_string_equal(args.values[7], "{9,NULL}");
    assert_string_equal(args.values[8],
                        "{\"{\\\"fairKey\\\":\\\"owner\\\"}\",NULL}");
    assert_string_equal(args.values[9], "{\"{}\",NULL}");
}

static void an_error_names_the_file(void **state)
{
    struct folder folder = folder_new(*state);
    struct job_types types;
    struct error err;

    write_file(&folder, "a.json", LEAST "}");
    write_file(&folder, "b.json", LEAST ", \"priority\": true}");
    assert_false(type_read_all(*state, folder.path, &types, &err));
    assert_non_null(strstr(err.text, "/b.json: priority"));
    folder_remove(&folder);
}

static void two_files_of_one_type_are_refused(void **state)
{
    struct folder folder = folder_new(*state);
    struct job_types types;
    struct error err;

    write_file(&folder, "a.json", LEAST "}");
    write_file(&folder, "b.json", LEAST "}");
    assert_false(type_read_all(*state, folder.path, &types, &err));
    assert_non_null(strstr(err.text, "b.json"));
    assert_non_null(strstr(err.text, "\"t\" already"));
    folder_remove(&folder);
}

static void a_missing_folder_is_an_error(void **state)
{
    struct job_types types;
    struct error err;

    assert_false(type_read_all(*state, "/nonexistent/types.d", &types, &err));
    assert_int_equal(err.kind, ERROR_INVALID);
    assert_non_null(strstr(err.text, "/nonexistent/types.d"));
}

#define WITH_CONTEXT(test)                                                     \
    cmocka_unit_test_setup_teardown(test, make_context, free_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(a_folder_is_read_in_order),
        WITH_CONTEXT(an_error_names_the_file),
        WITH_CONTEXT(two_files_of_one_type_are_refused),
        WITH_CONTEXT(a_missing_folder_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
