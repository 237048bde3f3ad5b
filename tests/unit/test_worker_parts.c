/*
 * Parts of the worker that need neither a loop nor a database.
 */
#include "answer.h"
#include "file_name.h"
#include "gather.h"
#include "lines.h"
#include "media_type.h"
#include "remove.h"
#include "result.h"
#include "text.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define BAD "\xEF\xBF\xBD"

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

/* ------------------------------------------------------------ text */

static const struct {
    const char *dirty;
    size_t len;
    const char *clean;
} texts[] = {
    {"plain",             5,  "plain"            },
    {"",                  0,  ""                 },
    {"12345678\xC3\xA4",  10, "12345678\xC3\xA4" },
    {"a\0b",              3,  "a" BAD "b"        },
    {"12345678\0",        9,  "12345678" BAD     },
    {"\xFF",              1,  BAD                },
    {"\xC3",              1,  BAD                },
    {"\xC0\x80",          2,  BAD BAD            },
    {"\xED\xA0\x80",      3,  BAD BAD BAD        },
    {"\xF4\x90\x80\x80",  4,  BAD BAD BAD BAD    },
    {"\xF0\x9F\x98\x80!", 5,  "\xF0\x9F\x98\x80!"},
    {"a\x80z",            3,  "a" BAD "z"        },
};

static void what_is_no_utf8_is_replaced(void **state)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *clean = text_clean(*state, texts[i].dirty, texts[i].len);

        assert_string_equal(clean, texts[i].clean);
        assert_true(text_is_clean(clean, strlen(clean)));
        assert_int_equal(text_is_clean(texts[i].dirty, texts[i].len),
                         strlen(clean) == texts[i].len &&
                             !memcmp(clean, texts[i].dirty, texts[i].len));
    }
}

static void a_cut_spares_characters(void **state)
{
    (void)state;
    assert_int_equal(text_cut("abc", 3, 3), 3);
    assert_int_equal(text_cut("abc", 3, 2), 2);
    assert_int_equal(text_cut("a\xC3\xA4", 3, 2), 1);
    assert_int_equal(text_cut("\xF0\x9F\x98\x80x", 5, 3), 0);
}

/* ------------------------------------------------------------ lines */

static void note_line(const char *line, size_t len, bool cut, void *arg)
{
    char **seen = arg;

    *seen = talloc_asprintf_append(*seen, "%.*s%s|", (int)len, line,
                                   cut ? "..." : "");
}

/* However the pieces are cut, the lines are the same. */
static void lines_come_whole(void **state)
{
    static const char text[] = "one\n\ntwo two\nmuch too long a line\nlast";

    for (size_t step = 1; step < sizeof(text); step++) {
        char *seen = talloc_strdup(*state, "");
        struct lines lines;

        lines_init(&lines, *state, 8, note_line, &seen);
        for (size_t at = 0; at < sizeof(text) - 1; at += step)
            lines_feed(&lines, text + at,
                       step < sizeof(text) - 1 - at ? step
                                                    : sizeof(text) - 1 - at);
        lines_end(&lines);
        assert_string_equal(seen, "one||two two|much too...|last|");
    }
}

/* ------------------------------------------------------------ answers */

static void an_answer_is_cut_into_its_members(void **state)
{
    static const char line[] =
        " {\"id\": \"abc\", \"result\": {\"a\": [1, \"}\"]}, \"x\": 0} ";
    struct answer answer;

    (void)state;
    assert_true(answer_read(line, sizeof(line) - 1, &answer));
    assert_int_equal(answer.id.len, 3);
    assert_memory_equal(answer.id.text, "abc", 3);
    assert_int_equal(answer.result.len, strlen("{\"a\": [1, \"}\"]}"));
    assert_null(answer.error.text);
}

static const char *const bad_answers[] = {
    "",
    "{}",
    "null",
    "hello",
    "{\"id\":1}",
    "{\"id\":\"a\"",
    "{\"id\":\"a\",",
    "{\"id\":\"a\",\"result\":1 2}",
    "{\"id\":\"a\",\"result\":1}}",
    "{\"id\":\"a\"}{\"id\":\"b\"}",
    "[\"id\"]",
    "{\"",
    "{\"id",
    "{\"id\":",
    "{\"id\":\"",
    "}",
};

static void what_is_no_answer_is_seen(void **state)
{
    for (size_t i = 0; i < sizeof(bad_answers) / sizeof(*bad_answers); i++) {
        size_t len = strlen(bad_answers[i]);
        char *exact = talloc_memdup(*state, bad_answers[i], len);
        struct answer answer;

        assert_false(answer_read(exact, len, &answer));
    }
}

static void results_are_json_or_a_string(void **state)
{
    static const struct {
        const char *output, *result;
    } cases[] = {
        {"{\"a\": 1}\n",   "{\"a\": 1}"          },
        {"42\r\n",         "42"                  },
        {"null\n",         "null"                },
        {"hello\n",        "\"hello\""           },
        {"two\nlines\n\n", "\"two\\nlines\""     },
        {"say \"x\"",      "\"say \\\"x\\\"\""   },
        {"\xFF",           "\"" BAD "\""         },
        {"{\"a\": 1} x",   "\"{\\\"a\\\": 1} x\""},
        {"",               NULL                  },
        {"\n",             NULL                  },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *result =
            result_of_output(*state, cases[i].output, strlen(cases[i].output));

        if (cases[i].result)
            assert_string_equal(result, cases[i].result);
        else
            assert_null(result);
    }
}

/* ------------------------------------------------------------ verdicts */

static const struct {
    struct guard_report report;
    const char *said_code, *said_message, *last_line;
    const char *code, *message;
    bool final;
} ends[] = {
    {{.how = GUARD_EXITED, .code = 1},
     NULL,      NULL,
     NULL,    "handler_failed",
     "exit status 1",                                             false},
    {{.how = GUARD_EXITED, .code = 1},
     NULL,      NULL,
     "oh",    "handler_failed",
     "oh",                                                        false},
    {{.how = GUARD_EXITED, .code = 1},
     "mine",    "own",
     "oh",    "mine",
     "own",                                                       false},
    {{.how = GUARD_EXITED, .code = 75},
     NULL,      NULL,
     NULL,    "temporary_failure",
     "exit status 75",                                            false},
    {{.how = GUARD_EXITED, .code = 64},
     NULL,      NULL,
     NULL,    "handler_failed",
     "exit status 64",                                            true },
    {{.how = GUARD_EXITED, .code = 65},
     "bad_csv", NULL,
     "row 3", "bad_csv",
     "row 3",                                                     true },
    {{.how = GUARD_EXITED, .code = 66},
     NULL,      NULL,
     NULL,    "handler_failed",
     "exit status 66",                                            true },
    {{.how = GUARD_EXITED, .code = 67},
     NULL,      NULL,
     NULL,    "handler_failed",
     "exit status 67",                                            false},
    {{.how = GUARD_SIGNALED, .code = SIGSEGV},
     "mine",    NULL,
     "oh",    "handler_killed",
     "the handler was ended by SIGSEGV",                          false},
    {{.how = GUARD_EXEC_FAILED, .code = ENOENT},
     NULL,      NULL,
     "x",     "handler_not_found",
     "the handler cannot be executed: No such file or directory", true },
    {{.how = GUARD_EXEC_FAILED, .code = EACCES},
     NULL,      NULL,
     "x",     "handler_not_found",
     "the handler cannot be executed: Permission denied",         false},
    {{.how = GUARD_LOST},
     NULL,      NULL,
     NULL,    "handler_lost",
     "the guard of the handler was killed",                       false},
};

static void each_end_has_its_verdict(void **state)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        const struct said said = {.code = ends[i].said_code,
                                  .message = ends[i].said_message};
        struct failure failure;

        assert_false(verdict(*state, &ends[i].report, &said, ends[i].last_line,
                             &failure));
        assert_string_equal(failure.code, ends[i].code);
        assert_string_equal(failure.message, ends[i].message);
        assert_int_equal(failure.final, ends[i].final);
    }
}

static void details_hold_the_status_and_what_the_handler_gave(void **state)
{
    const struct guard_report report = {.how = GUARD_EXITED, .code = 65};
    json_t *row = json_pack("{s:i}", "row", 7);
    struct said said = {.details = row};
    struct failure failure;

    assert_false(verdict(*state, &report, &said, NULL, &failure));
    assert_int_equal(
        json_integer_value(json_object_get(failure.details, "row")), 7);
    assert_int_equal(
        json_integer_value(json_object_get(failure.details, "exitCode")), 65);
    json_decref(row);
}

static void status_0_is_success(void **state)
{
    const struct guard_report report = {.how = GUARD_EXITED};
    const struct said said = {.message = "never mind"};
    struct failure failure;

    assert_true(verdict(*state, &report, &said, "noise", &failure));
}

/* ------------------------------------------------------------ files */

static void names_of_strangers_are_made_fit(void **state)
{
    char *long_name = talloc_zero_size(*state, 300);
    char *clean;

    memset(long_name, 'n', 290);
    memcpy(long_name + 285, ".csv", 5);
    clean = file_name_clean(*state, long_name);
    assert_int_equal(strlen(clean), FILE_NAME_MAX);
    assert_string_equal(clean + FILE_NAME_MAX - 4, ".csv");

    assert_string_equal(file_name_clean(*state, "a b.csv"), "a b.csv");
    assert_string_equal(file_name_clean(*state, ".htaccess"), "_htaccess");
    assert_string_equal(file_name_clean(*state, "../x"), "_._x");
    assert_string_equal(file_name_clean(*state, "a\nb\x7F"), "a_b_");
    assert_string_equal(file_name_clean(*state, "\xFF"), BAD);
    assert_string_equal(file_name_clean(*state, ""), "file");
    assert_string_equal(file_name_variant(*state, "a.tar", 2), "a-2.tar");
    assert_string_equal(file_name_variant(*state, "plain", 3), "plain-3");
}

static void suffixes_have_their_types(void **state)
{
    (void)state;
    assert_string_equal(media_type("a.PDF"), "application/pdf");
    assert_string_equal(media_type("a.b.json"), "application/json");
    assert_string_equal(media_type("json"), "application/octet-stream");
    assert_string_equal(media_type("a.unheard"), "application/octet-stream");
}

static char *new_folder(void *mem)
{
    char *path = talloc_strdup(mem, "/tmp/test_worker.XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = talloc_asprintf(NULL, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    talloc_free(path);
}

static bool exists(void *mem, const char *dir, const char *name)
{
    struct stat st;

    return lstat(talloc_asprintf(mem, "%s/%s", dir, name), &st) == 0;
}

/* Deeper than a path may be long, or descriptors could reach. */
static void a_deep_tree_is_removed_and_links_are_not_followed(void **state)
{
    char *top = new_folder(*state), *outside = new_folder(*state);
    int at = open(top, O_RDONLY | O_DIRECTORY), next;

    put_file(outside, "kept", "x");
    assert_int_equal(symlinkat(outside, at, "link"), 0);
    for (int depth = 0; depth < 3000; depth++) {
        assert_int_equal(mkdirat(at, "deeper", 0700), 0);
        next = openat(at, "deeper", O_RDONLY | O_DIRECTORY);
        assert_int_equal(symlinkat(outside, next, "link"), 0);
        close(openat(next, "file", O_WRONLY | O_CREAT, 0));
        if (depth % 100 == 0)
            fchmod(at, 0500);
        close(at);
        at = next;
    }
    close(at);

    assert_true(remove_tree(top));
    assert_int_equal(access(top, F_OK), -1);
    assert_true(exists(*state, outside, "kept"));
    assert_true(remove_tree(outside));
    assert_true(remove_tree(outside));
}

static void only_regular_files_become_artifacts(void **state)
{
    char *dir = new_folder(*state);
    struct gather gather = {
        .mem = *state,
        .from = talloc_asprintf(*state, "%s/out", dir),
        .to = talloc_asprintf(*state, "%s/store/artifacts/7f/job/1", dir),
    };

    mkdir(gather.from, 0700);
    mkdir(talloc_asprintf(*state, "%s/store", dir), 0700);
    put_file(gather.from, "a.csv", "abc");
    put_file(gather.from, ".hidden", "");
    mkdir(talloc_asprintf(*state, "%s/folder", gather.from), 0700);
    assert_int_equal(
        symlink("/etc/passwd", talloc_asprintf(*state, "%s/link", gather.from)),
        0);
    assert_int_equal(
        mkfifo(talloc_asprintf(*state, "%s/pipe", gather.from), 0600), 0);

    gather_run(&gather);
    assert_int_equal(gather.err.kind, ERROR_NONE);
    assert_string_equal(
        gather.artifacts,
        "[{\"name\":\"_hidden\",\"size\":0,\"contentType\":"
        "\"application/octet-stream\",\"sha256\":\"e3b0c44298fc1c149afbf4c8996"
        "fb92427ae41e4649b934ca495991b7852b855\"},{\"name\":\"a.csv\","
        "\"size\":3,\"contentType\":\"text/csv; charset=utf-8\",\"sha256\":"
        "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        "\"}]");
    assert_int_equal(gather.note_count, 3);
    assert_true(exists(*state, gather.to, "a.csv"));
    assert_false(exists(*state, gather.to, "link"));
    assert_true(remove_tree(dir));
}

static void an_empty_folder_makes_no_store(void **state)
{
    char *dir = new_folder(*state);
    struct gather gather = {
        .mem = *state,
        .from = dir,
        .to = talloc_asprintf(*state, "%s/store/1", dir),
    };

    gather_run(&gather);
    assert_int_equal(gather.err.kind, ERROR_NONE);
    assert_null(gather.artifacts);
    assert_false(exists(*state, dir, "store"));
    assert_true(remove_tree(dir));
}

#define WITH_CONTEXT(test)                                                     \
    cmocka_unit_test_setup_teardown(test, make_context, free_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONTEXT(what_is_no_utf8_is_replaced),
        WITH_CONTEXT(a_cut_spares_characters),
        WITH_CONTEXT(lines_come_whole),
        WITH_CONTEXT(an_answer_is_cut_into_its_members),
        WITH_CONTEXT(what_is_no_answer_is_seen),
        WITH_CONTEXT(results_are_json_or_a_string),
        WITH_CONTEXT(each_end_has_its_verdict),
        WITH_CONTEXT(details_hold_the_status_and_what_the_handler_gave),
        WITH_CONTEXT(status_0_is_success),
        WITH_CONTEXT(names_of_strangers_are_made_fit),
        WITH_CONTEXT(suffixes_have_their_types),
        WITH_CONTEXT(a_deep_tree_is_removed_and_links_are_not_followed),
        WITH_CONTEXT(only_regular_files_become_artifacts),
        WITH_CONTEXT(an_empty_folder_makes_no_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
