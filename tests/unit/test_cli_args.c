#include "args.h"
#include "commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static const struct option options[] = {
    OPTION("--queue", "NAME", "a value"),
    OPTION("--tag", "TEXT", "a value that is repeated"),
    SWITCH("--follow", "a switch", .letter = 'f'),
    {0},
};

static const struct option needed[] = {
    OPTION("--user", "NAME", "a value that must be", .needed = true),
    {0},
};

static const struct command one = {
    "one", "TYPE [PAYLOAD]", "", NULL, {options}};
static const struct command many = {"many", "ID...", "", NULL, {options}};
static const struct command any = {"any", "[ID...]", "", NULL, {options}};
static const struct command none = {"none", "", "", NULL, {needed}};

/* Words with spaces between, read as the words behind that command. */
static bool read_words(void *mem, const struct command *command,
                       const char *words, struct cli *ret, struct error *err)
{
    char *copy = talloc_strdup(mem, words), *word;
    char **list = talloc_array(mem, char *, 32);

    *ret = (struct cli){.mem = mem, .command = command, .args = list};
    while ((word = strsep(&copy, " ")))
        if (*word)
            list[ret->count++] = word;
    return args_read(ret, err);
}

static const struct {
    const struct command *command;
    const char *words;
    const char *wrong; /* how the complaint begins; NULL: all is right */
} cases[] = {
    {&one,  "a",                      NULL                                                 },
    {&one,  "a b",                    NULL                                                 },
    {&one,  "a -",                    NULL                                                 },
    {&one,  "--queue x a",            NULL                                                 },
    {&one,  "a --queue=x -f b",       NULL                                                 },
    {&one,  "--url http://x --sql a", NULL                                                 },
    {&one,  "-- --queue --tag",       NULL                                                 },
    {&one,  "",                       "TYPE is missing; usage: "                           },
    {&one,  "a b c",                  "\"c\" is too much; usage: "                         },
    {&one,  "a --nope",               "there is no option --nope"                          },
    {&one,  "a -x",                   "there is no option -x"                              },
    {&one,  "a --que x",              "there is no option --que"                           },
    {&one,  "a --queue",              "--queue needs a value"                              },
    {&one,  "a --follow=1",           "--follow takes no value"                            },
    {&many, "a",                      NULL                                                 },
    {&many, "a b c d e",              NULL                                                 },
    {&many, "",                       "ID is missing"                                      },
    {&any,  "",                       NULL                                                 },
    {&any,  "a b",                    NULL                                                 },
    {&none, "--user x",               NULL                                                 },
    {&none, "",                       "--user is missing; usage: millrace none --user NAME"},
    {&none, "--user x y",             "\"y\" is too much"                                  },
};

static void words_are_right_or_told_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *mem = talloc_new(NULL);
        struct error err = {0};
        struct cli cli;
        bool ok = read_words(mem, cases[i].command, cases[i].words, &cli, &err);

        if (ok != !cases[i].wrong)
            fail_msg("\"%s\": %s", cases[i].words, err.text);
        if (cases[i].wrong &&
            strncmp(err.text, cases[i].wrong, strlen(cases[i].wrong)) != 0)
            fail_msg("\"%s\": %s", cases[i].words, err.text);
        talloc_free(mem);
    }
}

static void values_are_found(void **state)
{
    void *mem = talloc_new(NULL);
    struct error err;
    struct cli cli;
    int at = 0;

    (void)state;
    assert_true(read_words(mem, &one,
                           "a --tag x --queue q1 --tag= --queue q2 {} --tag z",
                           &cli, &err));
    assert_string_equal(cli_value(&cli, "--queue"), "q2");
    assert_string_equal(cli_next_value(&cli, "--tag", &at), "x");
    assert_string_equal(cli_next_value(&cli, "--tag", &at), "");
    assert_string_equal(cli_next_value(&cli, "--tag", &at), "z");
    assert_null(cli_next_value(&cli, "--tag", &at));
    assert_false(cli_flag(&cli, "--follow"));
    assert_null(cli_value(&cli, "--url"));
    assert_string_equal(cli_operand(&cli, 0), "a");
    assert_string_equal(cli_operand(&cli, 1), "{}");
    assert_null(cli_operand(&cli, 2));
    args_give(&cli, "--tag", "later");
    at = 0;
    for (int i = 0; i < 3; i++)
        cli_next_value(&cli, "--tag", &at);
    assert_string_equal(cli_next_value(&cli, "--tag", &at), "later");
    talloc_free(mem);
}

static const struct {
    const char *text;
    bool right;
    int64_t value;
} numbers[] = {
    {"1",                    true,  1  },
    {"100",                  true,  100},
    {"0",                    false, 0  },
    {"101",                  false, 0  },
    {"-1",                   false, 0  },
    {"",                     false, 0  },
    {" 5",                   false, 0  },
    {"5x",                   false, 0  },
    {"99999999999999999999", false, 0  },
};

static void numbers_keep_within_their_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        void *mem = talloc_new(NULL);
        struct error err;
        int64_t value = -7;
        struct cli cli;

        assert_true(read_words(mem, &one, "a", &cli, &err));
        args_give(&cli, "--queue", numbers[i].text);
        assert_int_equal(cli_int(&cli, "--queue", 1, 100, 50, &value, &err),
                         numbers[i].right);
        assert_int_equal(value, numbers[i].right ? numbers[i].value : -7);
        talloc_free(mem);
    }
}

/* Rows of options that the reader could not tell apart, or that the shell's
 * completions could not carry. */
static void the_tables_are_sound(void **state)
{
    const struct command *command = NULL;
    int count = 0;

    (void)state;
    while ((command = command_next(command))) {
        const struct option *a = NULL;

        count++;
        assert_non_null(command->run);
        assert_true(strspn(command->name, "abcdefghijklmnopqrstuvwxyz ") ==
                    strlen(command->name));
        while ((a = command_option(command, a))) {
            const struct option *b = a;

            assert_true(!strncmp(a->name, "--", 2) && *a->help);
            while ((b = command_option(command, b)))
                assert_string_not_equal(a->name, b->name);
        }
    }
    assert_true(count > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_right_or_told_why_not),
        cmocka_unit_test(values_are_found),
        cmocka_unit_test(numbers_keep_within_their_limits),
        cmocka_unit_test(the_tables_are_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
