#include "conf.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What each test has; nothing of ours is in its environment. */
struct fixture {
    char path[64]; /* an empty file for settings */
};

static void clear_settings(void)
{
    static const char ours[] = "MILLRACE_";

    unsetenv("DATABASE_URL");
    for (size_t i = 0; environ[i];) {
        char name[256];

        if (strncmp(environ[i], ours, sizeof(ours) - 1) == 0) {
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(environ[i], "="),
                     environ[i]);
            unsetenv(name);
        } else {
            i++;
        }
    }
}

static int setup(void **state)
{
    struct fixture *fixture = talloc_zero(NULL, struct fixture);
    int fd;

    snprintf(fixture->path, sizeof(fixture->path), "/tmp/test_conf.XXXXXX");
    fd = mkstemp(fixture->path);
    if (fd < 0)
        return -1;
    close(fd);
    clear_settings();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    talloc_free(fixture);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Read a file with this text; on failure the error is in *err. */
static bool load(struct fixture *fixture, const char *text, struct conf *ret,
                 struct error *err)
{
    write_file(fixture->path, text);
    return conf_load(fixture, fixture->path, ret, err);
}

static void load_well(struct fixture *fixture, const char *text,
                      struct conf *ret)
{
    struct error err = {0};

    if (!load(fixture, text, ret, &err))
        fail_msg("%s", err.text);
}

static void the_defaults_hold(void **state)
{
    char host[HOST_NAME_MAX + 1];
    struct conf conf;

    load_well(*state, "", &conf);
    gethostname(host, sizeof(host));
    assert_string_equal(conf.database_url, "postgresql:///millrace");
    assert_string_equal(conf.run_dir, "/run/millrace");
    assert_string_equal(conf.data_dir, "/var/lib/millrace");
    assert_string_equal(conf.types_dir, SYSCONFDIR "/millrace/types.d");
    assert_string_equal(conf.handler_dir, LIBEXECDIR "/millrace");
    assert_string_equal(conf.log_level, "info");
    assert_string_equal(conf.api_socket, "/run/millrace/api.sock");
    assert_string_equal(conf.stream_socket, "/run/millrace/stream.sock");
    assert_int_equal(conf.api_threads, 128);
    assert_int_equal(conf.api_connections, 8);
    assert_int_equal(conf.api_waiters, 64);
    assert_int_equal(conf.max_wait, 60000);
    assert_int_equal(conf.max_body, 1048576);
    assert_int_equal(conf.max_upload, 1073741824);
    assert_int_equal(conf.session_ttl, 43200000);
    assert_int_equal(conf.idempotency_ttl, 86400000);
    assert_string_equal(conf.worker_name, host);
    assert_int_equal(conf.slots, 2 * sysconf(_SC_NPROCESSORS_ONLN));
    assert_string_equal(conf.queues, "");
    assert_int_equal(conf.grace, 30000);
    assert_int_equal(conf.kill_grace, 5000);
    assert_int_equal(conf.sse_buffer, 262144);
    assert_int_equal(conf.sse_heartbeat, 15000);
}

static void the_sockets_follow_the_run_dir(void **state)
{
    struct conf conf;

    load_well(*state, "MILLRACE_RUN_DIR=/tmp/x\nMILLRACE_API_SOCKET=[::1]:9\n",
              &conf);
    assert_string_equal(conf.api_socket, "[::1]:9");
    assert_string_equal(conf.stream_socket, "/tmp/x/stream.sock");
}

static void the_environment_comes_before_the_file(void **state)
{
    struct conf conf;

    setenv("MILLRACE_QUEUES", "mail", 1);
    setenv("MILLRACE_API_THREADS", "", 1);
    load_well(*state,
              "MILLRACE_QUEUES=bulk\nMILLRACE_SLOTS=3\n"
              "MILLRACE_API_THREADS=9\n",
              &conf);
    assert_string_equal(conf.queues, "mail");
    assert_int_equal(conf.slots, 3);
    assert_int_equal(conf.api_threads, 128); /* empty is the default */
}

static void the_environment_may_name_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    struct conf conf;

    write_file(fixture->path, "MILLRACE_SLOTS=5\n");
    setenv("MILLRACE_CONFIG", fixture->path, 1);
    assert_true(conf_load(fixture, NULL, &conf, &err));
    assert_int_equal(conf.slots, 5);

    setenv("MILLRACE_CONFIG", "/nonexistent/millrace.conf", 1);
    assert_false(conf_load(fixture, NULL, &conf, &err));
    assert_non_null(strstr(err.text, "/nonexistent/millrace.conf"));
    assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

static void a_folder_is_no_file(void **state)
{
    struct error err = {0};
    struct conf conf;

    assert_false(conf_load(*state, "/tmp", &conf, &err));
    assert_non_null(strstr(err.text, "/tmp"));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
}

/* What a line makes of MILLRACE_QUEUES. */
static const struct {
    const char *line, *want;
} lines[] = {
    {"MILLRACE_QUEUES=a,b",                  "a,b"    },
    {"MILLRACE_QUEUES=a,b\r\n",              "a,b"    },
    {"  MILLRACE_QUEUES = a  ",              "a"      },
    {"export MILLRACE_QUEUES=a",             "a"      },
    {"export\tMILLRACE_QUEUES=a",            "a"      },
    {"MILLRACE_QUEUES=\"a b\"",              "a b"    },
    {"MILLRACE_QUEUES='a \"b\"'",            "a \"b\""},
    {"MILLRACE_QUEUES=\" # a \"  # why",     " # a "  },
    {"MILLRACE_QUEUES=a # why",              "a"      },
    {"MILLRACE_QUEUES=a#b",                  "a#b"    },
    {"MILLRACE_QUEUES=# why",                ""       },
    {"MILLRACE_QUEUES=a=b",                  "a=b"    },
    {"MILLRACE_QUEUES=it's",                 "it's"   },
    {"MILLRACE_QUEUES=",                     ""       },
    {"MILLRACE_QUEUES=\"\"",                 ""       },
    {"MILLRACE_QUEUES=a\nMILLRACE_QUEUES=b", "b"      },
    {"# MILLRACE_QUEUES=a\n\n   \n\t# b\n",  ""       },
};

static void lines_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct conf conf;

        load_well(*state, lines[i].line, &conf);
        if (strcmp(conf.queues, lines[i].want) != 0)
            fail_msg("%s: \"%s\"", lines[i].line, conf.queues);
    }
}

/* The error begins with the file's name; this is what follows. */
static const struct {
    const char *text, *want;
} bad_files[] = {
    {"MILLRACE_SLOTS",                        ":1: the line should be NAME=value or a # comment"},
    {"\n# x\n=3",                             ":3: the line should be NAME=value or a # comment"},
    {"MILLRACE_QUEUES=\"a",
     ":1: MILLRACE_QUEUES begins with \" and should end with it"                                },
    {"MILLRACE_QUEUES='a' b",
     ":1: MILLRACE_QUEUES goes on after its closing quote"                                      },
    {"MILLRACE_SLOT=3",
     ":1: there is no setting MILLRACE_SLOT; --help lists them"                                 },
    {"millrace_slots=3",
     ":1: there is no setting millrace_slots; --help lists them"                                },
    {"MILLRACE_SLOTS=1\nMILLRACE_SLOTS=many",
     ":2: MILLRACE_SLOTS cannot be \"many\": it takes a whole number from 0 to "
     "4096, such as 0"                                                                          },
    {"MILLRACE_API_THREADS=0",
     ":1: MILLRACE_API_THREADS cannot be \"0\": it takes a whole number from 1 "
     "to 2048, such as 128"                                                                     },
    {"MILLRACE_MAX_BODY=5TB",
     ":1: MILLRACE_MAX_BODY cannot be \"5TB\": it takes a size from 1KB to "
     "1GB, "
     "such as 1MB"                                                                              },
    {"MILLRACE_GRACE=30",
     ":1: MILLRACE_GRACE cannot be \"30\": it takes a duration from 0s to 1d, "
     "such as 30s"                                                                              },
    {"MILLRACE_LOG_LEVEL=loud",
     ":1: MILLRACE_LOG_LEVEL cannot be \"loud\": it takes error, warn, info or "
     "debug"                                                                                    },
};

static void what_is_wrong_in_a_file_is_named(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(bad_files); i++) {
        struct error err = {0};
        struct conf conf = {.slots = -7};

        assert_false(load(fixture, bad_files[i].text, &conf, &err));
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_int_equal(
            strncmp(err.text, fixture->path, strlen(fixture->path)), 0);
        assert_string_equal(err.text + strlen(fixture->path),
                            bad_files[i].want);
        assert_int_equal(conf.slots, -7);
    }
}

static void what_is_wrong_in_the_environment_is_named(void **state)
{
    struct error err = {0};
    struct conf conf;

    setenv("MILLRACE_SLOTS", "-1", 1);
    assert_false(load(*state, "", &conf, &err));
    assert_string_equal(err.text,
                        "environment: MILLRACE_SLOTS cannot be \"-1\": it "
                        "takes a whole number from 0 to 4096, such as 0");
}

static const struct {
    const char *name, *value;
    bool good;
} limits[] = {
    {"MILLRACE_API_THREADS",     "1",      true },
    {"MILLRACE_API_THREADS",     "2048",   true },
    {"MILLRACE_API_THREADS",     "2049",   false},
    {"MILLRACE_API_CONNECTIONS", "0",      false},
    {"MILLRACE_API_CONNECTIONS", "256",    true },
    {"MILLRACE_API_CONNECTIONS", "257",    false},
    {"MILLRACE_SLOTS",           "4096",   true },
    {"MILLRACE_SLOTS",           "4097",   false},
    {"MILLRACE_MAX_BODY",        "1023B",  false},
    {"MILLRACE_MAX_BODY",        "1KB",    true },
    {"MILLRACE_MAX_BODY",        "1GB",    true },
    {"MILLRACE_MAX_BODY",        "1025MB", false},
    {"MILLRACE_SSE_HEARTBEAT",   "0s",     false},
    {"MILLRACE_LOG_LEVEL",       "debug",  true },
    {"MILLRACE_LOG_LEVEL",       "DEBUG",  false},
};

static void limits_hold(void **state)
{
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct error err = {0};
        struct conf conf;

        setenv(limits[i].name, limits[i].value, 1);
        if (load(*state, "", &conf, &err) != limits[i].good)
            fail_msg("%s=%s %s", limits[i].name, limits[i].value, err.text);
        unsetenv(limits[i].name);
    }
}

/* What conf_print writes, or conf_help where conf is NULL. */
static char *printed(void *mem, const struct conf *conf)
{
    char *text = NULL, *copy;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (conf)
        conf_print(conf, out);
    else
        conf_help(out);
    fclose(out);
    copy = talloc_strdup(mem, text);
    free(text);
    return copy;
}

static void what_is_printed_reads_back(void **state)
{
    struct conf conf, again;
    char *text;

    load_well(*state,
              "MILLRACE_QUEUES='a # b'\nMILLRACE_WORKER_NAME=\"it's\"\n"
              "MILLRACE_MAX_BODY=3MB\nMILLRACE_GRACE=90s\n"
              "DATABASE_URL=postgresql://joe:pw@db/x\n",
              &conf);
    text = printed(*state, &conf);
    assert_null(strstr(text, "pw"));
    load_well(*state, text, &again);
    assert_string_equal(again.queues, "a # b");
    assert_string_equal(again.worker_name, "it's");
    assert_string_equal(again.database_url, "postgresql://joe:***@db/x");
    assert_int_equal(again.max_body, 3 << 20);
    assert_int_equal(again.grace, 90000);
    assert_int_equal(again.slots, conf.slots);
    assert_string_equal(printed(*state, &again), text);
}

static void every_member_is_printed_once(void **state)
{
    struct conf conf;
    char *text;
    size_t count = 0;

    load_well(*state, "", &conf);
    text = printed(*state, &conf);
    for (; *text; text++)
        count += *text == '\n';
    assert_int_equal(count * sizeof(void *), sizeof(struct conf));
}

static bool read_args(void *mem, const char *const *args, struct conf *ret,
                      struct error *err)
{
    char *argv[8] = {0};
    int argc = 0;

    for (; args[argc]; argc++)
        argv[argc] = talloc_strdup(mem, args[argc]);
    return conf_read(mem, argc, argv, ret, err);
}

#define ARGS(...) ((const char *const[]){"millrace-test", __VA_ARGS__, NULL})

static void the_command_line_names_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    struct conf conf;

    setenv("MILLRACE_CONFIG", "/nonexistent", 1);
    write_file(fixture->path, "MILLRACE_SLOTS=6\n");
    assert_true(
        read_args(fixture, ARGS("--config", fixture->path), &conf, &err));
    assert_int_equal(conf.slots, 6);
    assert_true(read_args(
        fixture, ARGS(talloc_asprintf(fixture, "--config=%s", fixture->path)),
        &conf, &err));
    assert_int_equal(conf.slots, 6);
}

static const struct {
    const char *arg, *want;
} bad_args[] = {
    {"--wrong",  "bad option --wrong; --help shows the right ones" },
    {"--config", "bad option --config; --help shows the right ones"},
    {"word",     "unexpected argument word; --help shows the usage"},
};

static void a_bad_command_line_is_refused(void **state)
{
    for (size_t i = 0; i < COUNT(bad_args); i++) {
        struct error err = {0};
        struct conf conf;

        assert_false(read_args(*state, ARGS(bad_args[i].arg), &conf, &err));
        assert_string_equal(err.text, bad_args[i].want);
    }
}

/* What a child prints and exits with; 7 where conf_read returns. */
static int run_args(const char *arg, char *ret_text, size_t size)
{
    int pipe_fds[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        struct error err;
        struct conf conf;

        dup2(pipe_fds[1], STDOUT_FILENO);
        _exit(read_args(NULL, ARGS(arg), &conf, &err) ? 7 : 8);
    }
    close(pipe_fds[1]);
    while ((n = read(pipe_fds[0], ret_text + len, size - len - 1)) > 0)
        len += (size_t)n;
    ret_text[len] = '\0';
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
}

static void help_and_version_print_and_leave(void **state)
{
    char text[16384];

    assert_int_equal(run_args("--version", text, sizeof(text)), 0);
    assert_non_null(strstr(text, " " PACKAGE_VERSION "\n"));
    assert_int_equal(run_args("--help", text, sizeof(text)), 0);
    assert_int_equal(strncmp(text, "usage: ", 7), 0);
    assert_non_null(strstr(text, printed(*state, NULL)));
}

#define CONF_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONF_TEST(the_defaults_hold),
        CONF_TEST(the_sockets_follow_the_run_dir),
        CONF_TEST(the_environment_comes_before_the_file),
        CONF_TEST(the_environment_may_name_the_file),
        CONF_TEST(a_folder_is_no_file),
        CONF_TEST(lines_are_read),
        CONF_TEST(what_is_wrong_in_a_file_is_named),
        CONF_TEST(what_is_wrong_in_the_environment_is_named),
        CONF_TEST(limits_hold),
        CONF_TEST(what_is_printed_reads_back),
        CONF_TEST(every_member_is_printed_once),
        CONF_TEST(the_command_line_names_the_file),
        CONF_TEST(a_bad_command_line_is_refused),
        CONF_TEST(help_and_version_print_and_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
