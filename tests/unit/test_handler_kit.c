#include "channel.h"
#include "kit.h"
#include "skim.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void members_are_found_without_parsing(void **state)
{
    static const struct {
        const char *text, *id, *payload;
        bool good;
    } cases[] = {
        {"{}",                                      NULL,         NULL,                 true },
        {" { \"id\" : \"a\" } ",                    "\"a\"",      NULL,                 true },
        {"{\"payload\":{\"id\":[1]},\"id\":\"b\"}", "\"b\"",      "{\"id\":[1]}",
         true                                                                                },
        {"{\"id\":\"}\\\"{\",\"payload\":-1.5e3}",  "\"}\\\"{\"", "-1.5e3",
         true                                                                                },
        {"{\"idx\":1,\"i\":2,\"payload\":null}",    NULL,         "null",               true },
        {"{\"payload\":[[],{\"a\":\"]\"}]}",        NULL,         "[[],{\"a\":\"]\"}]", true },
        {"",                                        NULL,         NULL,                 false},
        {"[]",                                      NULL,         NULL,                 false},
        {"{\"id\"",                                 NULL,         NULL,                 false},
        {"{\"id\":",                                NULL,         NULL,                 false},
        {"{\"id\":}",                               NULL,         NULL,                 false},
        {"{\"a\":\"x\\",                            NULL,         NULL,                 false},
        {"{\"a\":[1,2}",                            NULL,         NULL,                 false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct skim_member m[] = {{.name = "id"}, {.name = "payload"}};
        const char *want[] = {cases[i].id, cases[i].payload};
        /* A copy of just that size, so that a step too far is seen. */
        size_t len = strlen(cases[i].text);
        char *text = malloc(len + 1);

        memcpy(text, cases[i].text, len);
        assert_int_equal(skim(text, len, m, 2), cases[i].good);
        for (int k = 0; cases[i].good && k < 2; k++) {
            assert_int_equal(m[k].value != NULL, want[k] != NULL);
            if (!want[k])
                continue;
            assert_int_equal(m[k].len, strlen(want[k]));
            assert_memory_equal(m[k].value, want[k], m[k].len);
        }
        free(text);
    }
}

static void put_bytes(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void lines_come_whole_however_they_are_cut(void **state)
{
    struct channel *channel;
    size_t len;
    int ends[2];
    char *line;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    channel = channel_open(ends[0], -1);
    put_bytes(ends[1], "one\ntw");
    assert_true(channel_fill(channel));
    line = channel_line(channel, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(line, "one", 3);
    assert_null(channel_line(channel, &len));
    put_bytes(ends[1], "o\n\n");
    assert_true(channel_fill(channel));
    line = channel_line(channel, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(line, "two", 3);
    assert_non_null(channel_line(channel, &len));
    assert_int_equal(len, 0);
    close(ends[1]);
    assert_false(channel_fill(channel));
    channel_close(channel);
    close(ends[0]);
}

/* Read to the end of a pipe. */
static char *read_all(int fd)
{
    static char text[65536];
    size_t len = 0;
    ssize_t got;

    while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = 0;
    close(fd);
    return text;
}

/* Run fn in a child with a pipe as its fd; returns what it wrote there. */
static char *output_of(void (*fn)(void), int fd, int *ret_status)
{
    char *text;
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        /* Over both ends at once is possible: the pipe may be 3 and 4. */
        int out = fcntl(ends[1], F_DUPFD, 10);

        close(ends[0]);
        close(ends[1]);
        dup2(out, fd);
        close(out);
        fn();
        _exit(0);
    }
    close(ends[1]);
    text = read_all(ends[0]);
    assert_int_equal(waitpid(child, ret_status, 0), child);
    return text;
}

static void tell_progress(void)
{
    kit_start();
    kit_progress(0, "%s", "begin");
    kit_progress(0.9, "still the same");
    kit_progress(1.2, "%d rows", 12);
    kit_progress(1.9, "still the same");
    kit_progress(40, "more");
}

static void only_new_percentages_are_told(void **state)
{
    int status;

    (void)state;
    assert_string_equal(output_of(tell_progress, 3, &status),
                        "{\"progress\":0,\"message\":\"begin\"}\n"
                        "{\"progress\":1,\"message\":\"12 rows\"}\n"
                        "{\"progress\":40,\"message\":\"more\"}\n");
}

/* The job's log is not this test's. */
static void quiet(void)
{
    if (!freopen("/dev/null", "w", stderr))
        _exit(1);
}

static void fail_with_place(void)
{
    struct fault fault;

    quiet();
    kit_start();
    fault_set(&fault, FAULT_DATA, "malformed", "row %d is bad", 17);
    fault.row = 17;
    fault.line = 18;
    fault.column = 3;
    _exit(kit_fail_with(&fault));
}

static void a_failure_says_code_message_and_place(void **state)
{
    int status;

    (void)state;
    assert_string_equal(
        output_of(fail_with_place, 3, &status),
        "{\"error\":{\"code\":\"malformed\",\"message\":\"row 17 is bad\","
        "\"details\":{\"row\":17,\"line\":18,\"column\":3}}}\n");
    assert_int_equal(WEXITSTATUS(status), 65);
}

static void fail_in_latin1(void)
{
    quiet();
    kit_start();
    kit_fail(1, "bad_name", NULL, "caf\xE9");
}

static void a_message_that_is_not_utf8_gives_way_to_the_code(void **state)
{
    int status;

    (void)state;
    assert_string_equal(
        output_of(fail_in_latin1, 3, &status),
        "{\"error\":{\"code\":\"bad_name\",\"message\":\"bad_name\"}}\n");
}

/* Print the number that the first opened file gets. */
static void open_without_events(void)
{
    close(3);
    kit_start();
    dprintf(5, "%d", open("/dev/null", O_RDONLY) == 3);
}

static void files_never_take_the_place_of_the_events(void **state)
{
    int status;

    (void)state;
    assert_string_equal(output_of(open_without_events, 5, &status), "0");
}

static char folder[] = "/tmp/millrace-kit-XXXXXX";

static void leave_half_a_file(void)
{
    struct kit_output out;
    struct fault err;

    kit_start();
    if (!kit_output_begin("result.txt", &out, &err))
        _exit(1);
    close(open(out.temp, O_WRONLY | O_CREAT, 0600));
    if (access(out.temp, F_OK) != 0)
        _exit(2);
    raise(SIGTERM);
}

static void a_cancelled_job_leaves_no_half_file(void **state)
{
    int status;

    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("MILLRACE_OUTPUT_DIR", folder, 1);
    output_of(leave_half_a_file, 3, &status);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    assert_int_equal(rmdir(folder), 0); /* it is empty */
}

static void on_job(struct kit_job *job, void *arg)
{
    int *count = arg;

    switch ((*count)++) {
    case 0:
        kit_job_progress(job, 50, "half");
        kit_job_log(job, job->type);
        kit_job_result(job, json_incref(job->payload));
        break;
    case 1:
        kit_job_error(job, "no_luck", false, json_pack("{s:i}", "n", 1),
                      "not %s", "today");
        break;
    default:
        break;
    }
}

static void serve_three(void)
{
    static const char lines[] =
        "{\"id\":\"a\",\"attempt\":1,\"type\":\"t\",\"payload\":[1]}\n"
        "{\"id\":\"b\",\"payload\":{}}\n"
        "{\"id\":\"c\"}\n";
    int ends[2], count = 0;

    if (pipe(ends) != 0 || write(ends[1], lines, strlen(lines)) < 0)
        _exit(1);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    _exit(kit_serve(on_job, &count) == 0 && count == 3 ? 0 : 1);
}

static void a_process_handler_answers_line_by_line(void **state)
{
    int status;

    (void)state;
    assert_string_equal(
        output_of(serve_three, STDOUT_FILENO, &status),
        "{\"id\":\"a\",\"progress\":50,\"message\":\"half\"}\n"
        "{\"id\":\"a\",\"log\":\"t\"}\n"
        "{\"id\":\"a\",\"result\":[1]}\n"
        "{\"id\":\"b\",\"error\":{\"code\":\"no_luck\","
        "\"message\":\"not today\",\"details\":{\"n\":1}},\"retry\":false}\n"
        "{\"id\":\"c\",\"error\":{\"code\":\"no_result\",\"message\":"
        "\"the handler gave neither a result nor an error\"},"
        "\"retry\":true}\n");
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_without_parsing),
        cmocka_unit_test(lines_come_whole_however_they_are_cut),
        cmocka_unit_test(only_new_percentages_are_told),
        cmocka_unit_test(a_failure_says_code_message_and_place),
        cmocka_unit_test(a_message_that_is_not_utf8_gives_way_to_the_code),
        cmocka_unit_test(files_never_take_the_place_of_the_events),
        cmocka_unit_test(a_cancelled_job_leaves_no_half_file),
        cmocka_unit_test(a_process_handler_answers_line_by_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
