/* The handlers as the worker runs them: pipes, folders, exit codes. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* A private folder with in/ and out/, and what the last run said. */
struct place {
    char dir[64], in[80], out[80];
    char result[65536], events[65536];
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    strncpy(place->dir, "/tmp/millrace-handler-XXXXXX", sizeof(place->dir) - 1);
    if (!mkdtemp(place->dir))
        return -1;
    snprintf(place->in, sizeof(place->in), "%s/in", place->dir);
    snprintf(place->out, sizeof(place->out), "%s/out", place->dir);
    *state = place;
    return mkdir(place->in, 0700) || mkdir(place->out, 0700);
}

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

static int place_remove(void **state)
{
    struct place *place = *state;

    empty_folder(place->in);
    empty_folder(place->out);
    rmdir(place->in);
    rmdir(place->out);
    empty_folder(place->dir);
    rmdir(place->dir);
    free(place);
    return 0;
}

static int count_files(const char *path)
{
    DIR *folder = opendir(path);
    int count = -2; /* . and .. */

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void put_file(const char *folder, const char *name, const char *text)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void get_file(const char *folder, const char *name, char *ret,
                     size_t size)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    assert_non_null(file);
    ret[fread(ret, 1, size - 1, file)] = 0;
    fclose(file);
}

static void redirect(const char *folder, const char *name, int flags, int fd)
{
    char path[300];
    int file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fcntl(open(path, flags, 0600), F_DUPFD, 10);
    dup2(file, fd);
    close(file);
}

static void start_program(const char *name)
{
    const char *top = getenv("top_builddir");
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
    execl(path, name, (char *)NULL);
    _exit(127);
}

/* Run a program with input on stdin; returns the exit code. */
static int run(struct place *place, const char *program, const char *input)
{
    enum { WRITE = O_WRONLY | O_CREAT | O_TRUNC };
    int status;
    pid_t child;

    put_file(place->dir, "stdin", input);
    child = fork();
    if (child == 0) {
        setenv("MILLRACE_JOB_ID", "0190d5f2-7c1b-7000-8000-000000000001", 1);
        setenv("MILLRACE_INPUT_DIR", place->in, 1);
        setenv("MILLRACE_OUTPUT_DIR", place->out, 1);
        redirect(place->dir, "stdin", O_RDONLY, STDIN_FILENO);
        redirect(place->dir, "stdout", WRITE, STDOUT_FILENO);
        redirect(place->dir, "stderr", WRITE, STDERR_FILENO);
        redirect(place->dir, "events", WRITE, 3);
        start_program(program);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    get_file(place->dir, "stdout", place->result, sizeof(place->result));
    get_file(place->dir, "events", place->events, sizeof(place->events));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_file_is_profiled(void **state)
{
    struct place *place = *state;
    json_t *result, *columns;
    const char *excel;
    json_int_t rows;

    put_file(place->in, "sales data.csv",
             "\xEF\xBB\xBFid;price;note;none\r\n1;2,50;x;\r\n2;3,50;x;\r\n");
    assert_int_equal(
        run(place, "analyze-file", "{\"filterOption\": \"recommended\"}"), 0);
    result = json_loads(place->result, 0, NULL);
    assert_int_equal(json_unpack(result, "{s:{s:I, s:o}, s:s}", "summary",
                                 "rows", &rows, "columnProfiles", &columns,
                                 "excelFile", &excel),
                     0);
    assert_int_equal(rows, 2);
    assert_string_equal(excel, "result.xlsx");
    assert_int_equal(json_array_size(columns), 1); /* price */
    json_decref(result);
    assert_int_equal(count_files(place->out), 1);
    assert_non_null(strstr(place->events, "{\"progress\":"));
}

static void a_bad_file_fails_for_good_and_says_where(void **state)
{
    struct place *place = *state;

    put_file(place->in, "bad.csv", "a,b\n1,2\n3\n");
    assert_int_equal(run(place, "analyze-file", "{}"), 65);
    assert_non_null(strstr(place->events, "\"code\":\"field_count\""));
    assert_non_null(strstr(place->events, "\"row\":2"));
    assert_string_equal(place->result, "");
    assert_int_equal(count_files(place->out), 0);
}

static void the_exit_code_says_who_is_to_blame(void **state)
{
    static const struct {
        const char *payload;
        int want;
    } cases[] = {
        {"{\"file\": \"a.csv\"}",       0 },
        {"{}",                          64}, /* there are two */
        {"{\"file\": \"a.csv\"",        64},
        {"{\"speed\": 1}",              64},
        {"{\"file\": \"../in/a.csv\"}", 64},
        {"{\"file\": \"c.csv\"}",       66},
    };
    struct place *place = *state;

    put_file(place->in, "a.csv", "a\n1\n");
    put_file(place->in, "b.csv", "b\n1\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(run(place, "analyze-file", cases[i].payload),
                         cases[i].want);
    empty_folder(place->in);
    assert_int_equal(run(place, "analyze-file", "{}"), 66);
}

static void what_cannot_be_written_is_worth_another_attempt(void **state)
{
    struct place *place = *state;
    char out[sizeof(place->out)];

    put_file(place->in, "a.csv", "a\n1\n");
    memcpy(out, place->out, sizeof(out));
    snprintf(place->out, sizeof(place->out), "%s/nowhere", place->dir);
    assert_int_equal(run(place, "analyze-file", "{}"), 75);
    assert_non_null(strstr(place->events, "\"code\":\"output_failed\""));
    memcpy(place->out, out, sizeof(out));
}

static void noop_gives_payloads_back(void **state)
{
    struct place *place = *state;

    assert_int_equal(
        run(place, "noop",
            "{\"id\":\"a\",\"attempt\":1,\"payload\":{\"x\": [1, \"}\"]}}\n"
            "{\"id\":\"b\",\"payload\":{\"fail\":\"no\",\"retry\":false}}\n"
            "no job\n"
            "{\"payload\":1.50,\"id\":\"c\"}\n"),
        0);
    assert_string_equal(
        place->result,
        "{\"id\":\"a\",\"result\":{\"x\": [1, \"}\"]}}\n"
        "{\"id\":\"c\",\"result\":1.50}\n"
        "{\"id\":\"b\",\"error\":{\"code\":\"failed_on_request\","
        "\"message\":\"no\"},\"retry\":false}\n");
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void noop_waits_without_holding_others_up(void **state)
{
    struct place *place = *state;
    int64_t begin = now_ms();

    assert_int_equal(run(place, "noop",
                         "{\"id\":\"a\",\"payload\":{\"sleepMs\":200}}\n"
                         "{\"id\":\"b\",\"payload\":{\"sleepMs\":100}}\n"
                         "{\"id\":\"c\",\"payload\":0}\n"),
                     0);
    assert_true(now_ms() - begin >= 199);
    assert_string_equal(place->result,
                        "{\"id\":\"c\",\"result\":0}\n"
                        "{\"id\":\"b\",\"result\":{\"sleepMs\":100}}\n"
                        "{\"id\":\"a\",\"result\":{\"sleepMs\":200}}\n");
}

int main(void)
{
#define IN_PLACE(test)                                                         \
    cmocka_unit_test_setup_teardown(test, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_file_is_profiled),
        IN_PLACE(a_bad_file_fails_for_good_and_says_where),
        IN_PLACE(the_exit_code_says_who_is_to_blame),
        IN_PLACE(what_cannot_be_written_is_worth_another_attempt),
        IN_PLACE(noop_gives_payloads_back),
        IN_PLACE(noop_waits_without_holding_others_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
