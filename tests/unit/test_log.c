#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define EACH    500

/* What is logged goes to a file in place of stderr. */
static FILE *captured;
static int real_stderr;

static int capture(void **state)
{
    (void)state;
    captured = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    return dup2(fileno(captured), STDERR_FILENO) < 0;
}

static int release(void **state)
{
    (void)state;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(captured);
    unsetenv("JOURNAL_STREAM");
    return 0;
}

/* All that was logged so far, once. */
static const char *logged(void)
{
    static char text[1 << 20];
    size_t len;

    rewind(captured);
    len = fread(text, 1, sizeof(text) - 1, captured);
    text[len] = '\0';
    rewind(captured);
    assert_int_equal(ftruncate(fileno(captured), 0), 0);
    return text;
}

/* The same from level= on: without the time and the program. */
static const char *logged_rest(void)
{
    const char *rest = strstr(logged(), "level=");

    assert_non_null(rest);
    return rest;
}

/* Make the file seem to be the journal's socket. */
static void pretend_journal(unsigned offset)
{
    struct stat st;
    char text[64];

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
             (uintmax_t)st.st_ino + offset);
    setenv("JOURNAL_STREAM", text, 1);
}

static void a_line_has_time_program_level_and_message(void **state)
{
    const char *line;

    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    log_warn("lease of job %d lost", 42);
    line = logged();
    assert_int_equal(strncmp(line, "time=2", 6), 0);
    assert_string_equal(
        line + strlen("time=2026-11-22T01:40:00.000Z"),
        " program=tester level=warn msg=\"lease of job 42 lost\"\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    log_open("tester", LOG_LEVEL_WARN);
    log_debug("no");
    log_info("no");
    log_facts(LOG_LEVEL_INFO, "NO", "a", "b", NULL);
    assert_string_equal(logged(), "");
    log_warn("yes");
    assert_string_equal(logged_rest(), "level=warn msg=yes\n");
    log_err("yes");
    assert_string_equal(logged_rest(), "level=error msg=yes\n");

    log_open("tester", LOG_LEVEL_DEBUG);
    log_debug("yes");
    assert_string_equal(logged_rest(), "level=debug msg=yes\n");
}

static void the_journal_gets_priorities(void **state)
{
    (void)state;
    pretend_journal(0);
    log_open("tester", LOG_LEVEL_DEBUG);
    log_err("a");
    log_warn("b");
    log_info("c");
    log_debug("d");
    assert_string_equal(logged(),
                        "<3>level=error msg=a\n"
                        "<4>level=warn msg=b\n"
                        "<6>level=info msg=c\n"
                        "<7>level=debug msg=d\n");
}

static void a_stderr_that_is_not_the_journal_gets_none(void **state)
{
    (void)state;
    pretend_journal(1);
    log_open("tester", LOG_LEVEL_INFO);
    log_info("a");
    assert_int_equal(logged()[0], 't');
    setenv("JOURNAL_STREAM", "nonsense", 1);
    log_open("tester", LOG_LEVEL_INFO);
    log_info("a");
    assert_int_equal(logged()[0], 't');
}

static const struct {
    const char *value, *want;
} values[] = {
    {"plain",                     "v=plain"                         },
    {"a-b_c/d:1.5",               "v=a-b_c/d:1.5"                   },
    {"ends>",                     "v=ends>"                         },
    {"",                          "v=\"\""                          },
    {"two words",                 "v=\"two words\""                 },
    {"a=b",                       "v=\"a=b\""                       },
    {"say \"hi\"",                "v=\"say \\\"hi\\\"\""            },
    {"back\\slash",               "v=\"back\\\\slash\""             },
    {"a\nlevel=error msg=forged", "v=\"a\\nlevel=error msg=forged\""},
    {"\r\t",                      "v=\"\\r\\t\""                    },
    {"\x1b[31m\x7f\x01",          "v=\"\\x1b[31m\\x7f\\x01\""       },
    {"größe €",               "v=\"größe €\""               },
    {"größe",                   "v=größe"                       },
};

static void values_are_quoted_and_escaped_where_they_need_it(void **state)
{
    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        char want[256];

        log_facts(LOG_LEVEL_INFO, "M", "v", values[i].value, "n", "1", NULL);
        snprintf(want, sizeof(want), "level=info msg=M %s n=1\n",
                 values[i].want);
        assert_string_equal(logged_rest(), want);
    }
}

static void a_message_cannot_forge_a_line(void **state)
{
    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    log_info("%s", "x\n<0>level=error msg=y\x1b");
    assert_string_equal(logged_rest(),
                        "level=info "
                        "msg=\"x\\n<0>level=error "
                        "msg=y\\x1b\"\n");
}

static void a_null_value_leaves_the_pair_out(void **state)
{
    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    log_facts(LOG_LEVEL_INFO, "JOB_STARTED", "jobId", "7", "type", NULL,
              "queue", "mail", NULL);
    assert_string_equal(logged_rest(),
                        "level=info msg=JOB_STARTED jobId=7 queue=mail\n");
}

static void a_long_line_is_cut_between_characters(void **state)
{
    static char value[8192];

    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    for (size_t pad = 0; pad < 4; pad++) {
        const char *line, *end;

        memset(value, 'p', pad);
        for (size_t at = pad; at + 3 < sizeof(value); at += 3)
            memcpy(value + at, "€", 3);
        log_facts(LOG_LEVEL_INFO, "M", "v", value, "n", "1", NULL);

        line = logged_rest();
        end = strstr(line, "\" truncated=true\n");
        assert_non_null(end);
        assert_int_equal(end[strlen("\" truncated=true\n")], '\0');
        assert_memory_equal(end - 3, "€", 3);
        assert_in_range(strlen(line), 3900, 4096);
    }
}

static void a_long_message_is_cut(void **state)
{
    char *text = malloc(10000);
    const char *line;

    (void)state;
    memset(text, 'm', 9999);
    text[9999] = '\0';
    log_open("tester", LOG_LEVEL_INFO);
    log_err("%s", text);
    line = logged();
    assert_in_range(strlen(line), 4000, 4096);
    assert_non_null(strstr(line, "mmm\" truncated=true\n"));
    free(text);
}

static int count_of(char c, const char *text)
{
    int count = 0;

    for (; *text; text++)
        count += *text == c;
    return count;
}

/* Wherever the room ends: in a name, before a quote, in an escape. */
static void a_line_of_any_length_fits(void **state)
{
    static char value[4200];

    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    for (size_t len = 3950; len < 4100; len++) {
        const char *line;

        memset(value, 'v', len);
        value[len] = '\0';
        log_facts(LOG_LEVEL_INFO, "M", "v", value, "name", "two words", "e",
                  "\x01\x02\n", NULL);
        line = logged();
        assert_in_range(strlen(line), 3990, 4096);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_int_equal(count_of('"', line) % 2, 0);
    }
}

static void *log_many(void *arg)
{
    for (int i = 0; i < EACH; i++)
        log_facts(LOG_LEVEL_INFO, "M", "who", arg, "text", "some more words",
                  NULL);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    pthread_t threads[THREADS];
    char name[] = "thread";
    size_t lines = 0;

    (void)state;
    pretend_journal(0);
    log_open("tester", LOG_LEVEL_INFO);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, name), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    for (const char *at = logged(); *at; at = strchr(at, '\n') + 1, lines++)
        assert_int_equal(strncmp(at,
                                 "<6>level=info msg=M who=thread "
                                 "text=\"some more words\"\n",
                                 strcspn(at, "\n") + 1),
                         0);
    assert_int_equal(lines, THREADS * EACH);
}

static void logging_keeps_errno(void **state)
{
    (void)state;
    log_open("tester", LOG_LEVEL_INFO);
    close(STDERR_FILENO);
    errno = ENOENT;
    log_err("nobody hears this");
    assert_int_equal(errno, ENOENT);
    log_facts(LOG_LEVEL_INFO, "NOR_THIS", NULL);
    assert_int_equal(errno, ENOENT);
}

static const struct {
    const char *name;
    bool known;
    enum log_level level;
} names[] = {
    {"error", true,  LOG_LEVEL_ERROR},
    {"warn",  true,  LOG_LEVEL_WARN },
    {"info",  true,  LOG_LEVEL_INFO },
    {"debug", true,  LOG_LEVEL_DEBUG},
    {"INFO",  false, LOG_LEVEL_ERROR},
    {"",      false, LOG_LEVEL_ERROR},
    {"infox", false, LOG_LEVEL_ERROR},
};

static void levels_have_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        enum log_level level = LOG_LEVEL_ERROR;

        assert_int_equal(log_level_by_name(names[i].name, &level),
                         names[i].known);
        assert_int_equal(level, names[i].level);
    }
}

#define LOG_TEST(test_) cmocka_unit_test_setup_teardown(test_, capture, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_has_time_program_level_and_message),
        LOG_TEST(what_is_below_the_level_is_not_written),
        LOG_TEST(the_journal_gets_priorities),
        LOG_TEST(a_stderr_that_is_not_the_journal_gets_none),
        LOG_TEST(values_are_quoted_and_escaped_where_they_need_it),
        LOG_TEST(a_message_cannot_forge_a_line),
        LOG_TEST(a_null_value_leaves_the_pair_out),
        LOG_TEST(a_long_line_is_cut_between_characters),
        LOG_TEST(a_long_message_is_cut),
        LOG_TEST(a_line_of_any_length_fits),
        LOG_TEST(lines_of_threads_do_not_mix),
        LOG_TEST(logging_keeps_errno),
        cmocka_unit_test(levels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
