#include "notify.h"
#include "unix_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A folder for each test, and the path of a socket in it. */
struct fixture {
    char dir[32];
    char *path;
};

static int setup(void **state)
{
    struct fixture *fixture = talloc_zero(NULL, struct fixture);

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/test_notify.XXXXXX");
    *state = fixture;
    if (!mkdtemp(fixture->dir))
        return -1;
    fixture->path = talloc_asprintf(fixture, "%s/api.sock", fixture->dir);
    return 0;
}

/* Fails where more than the socket was left behind. */
static int teardown(void **state)
{
    struct fixture *fixture = *state;

    unlink(fixture->path);
    if (rmdir(fixture->dir) < 0)
        return -1;
    talloc_free(fixture);
    return 0;
}

static int listen_well(const char *where)
{
    struct error err;
    int fd = -1;

    if (!notify_listen(where, &fd, &err))
        fail_msg("%s", err.text);
    return fd;
}

static bool can_connect(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address;
    struct error err;
    bool ok = unix_address(path, &address, &err) &&
              connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return ok;
}

static void assert_ready_to_serve(int fd)
{
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(accept(fd, NULL, NULL), -1);
}

static void a_path_is_bound_for_the_group(void **state)
{
    struct fixture *fixture = *state;
    int fd = listen_well(fixture->path);
    struct stat st;

    assert_ready_to_serve(fd);
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_true(can_connect(fixture->path));
    close(fd);
}

static void a_stale_socket_is_replaced(void **state)
{
    struct fixture *fixture = *state;

    close(listen_well(fixture->path));
    assert_false(can_connect(fixture->path));
    int fd = listen_well(fixture->path);
    assert_true(can_connect(fixture->path));
    close(fd);
}

static void a_live_server_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    int fd = listen_well(fixture->path), second = -7;
    struct error err = {0};

    assert_false(notify_listen(fixture->path, &second, &err));
    assert_int_equal(err.kind, ERROR_CONFLICT);
    assert_string_equal(err.code, "already_in_use");
    assert_int_equal(second, -7);
    assert_true(can_connect(fixture->path));
    close(fd);
}

static void a_busy_server_is_a_live_one(void **state)
{
    struct fixture *fixture = *state;
    int fd = listen_well(fixture->path), client, second;
    struct sockaddr_un address;
    struct error err = {0};

    assert_int_equal(listen(fd, 0), 0);
    assert_true(unix_address(fixture->path, &address, &err));
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(
        connect(client, (struct sockaddr *)&address, sizeof(address)), 0);

    assert_false(notify_listen(fixture->path, &second, &err));
    assert_string_equal(err.code, "already_in_use");
    close(client);
    close(fd);
}

static void what_is_no_socket_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "w");
    struct error err = {0};
    struct stat st;
    int fd = -7;

    assert_non_null(file);
    fclose(file);
    assert_false(notify_listen(fixture->path, &fd, &err));
    assert_non_null(strstr(err.text, "is not a socket"));
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(fd, -7);
}

static int port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void a_port_is_bound_once(void **state)
{
    struct fixture *fixture = *state;
    int fd = listen_well("127.0.0.1:0"), second = -7;
    struct error err = {0};
    char *where = talloc_asprintf(fixture, "127.0.0.1:%d", port_of(fd));

    assert_ready_to_serve(fd);
    assert_false(notify_listen(where, &second, &err));
    assert_int_equal(err.kind, ERROR_CONFLICT);
    assert_string_equal(err.code, "already_in_use");
    close(fd);
    fd = listen_well(where);
    assert_int_equal(second, -7);
    close(fd);
}

static const char *const good_places[] = {"localhost:0", ":0", "*:0"};

static void hosts_and_all_addresses_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_places); i++)
        close(listen_well(good_places[i]));
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool ok =
        fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    struct error err = {0};
    int fd = -1;

    (void)state;
    if (has_ipv6()) {
        close(listen_well("[::1]:0"));
    } else {
        /* It is understood all the same: the host is what refuses. */
        assert_false(notify_listen("[::1]:0", &fd, &err));
        assert_null(strstr(err.text, "a socket is"));
    }
}

static const char *const bad_places[] = {
    "",
    "api",
    "localhost:",
    ":",
    "::1:80",
    "[::1]",
    "[::1:80",
    "]:80",
    "127.0.0.1:http",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.0.0.1: 80",
};

static void what_is_no_place_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_places); i++) {
        struct error err = {0};
        int fd = -7;

        if (notify_listen(bad_places[i], &fd, &err))
            fail_msg("\"%s\" was taken", bad_places[i]);
        assert_int_equal(err.kind, ERROR_INVALID);
        assert_int_equal(fd, -7);
    }
}

static void a_path_that_cannot_be_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char *missing = talloc_asprintf(fixture, "%s/none/x", fixture->dir);
    char *deep = talloc_strdup(fixture, fixture->dir);
    struct error err = {0};
    int fd = -7;

    assert_false(notify_listen(missing, &fd, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, missing));

    for (int i = 0; i < 60; i++)
        deep = talloc_strdup_append(deep, "/.");
    deep = talloc_strdup_append(deep, "/x");
    assert_false(notify_listen(deep, &fd, &err));
    assert_int_equal(err.kind, ERROR_INVALID);
    assert_int_equal(fd, -7);
}

/* In a child, as systemd starts a service: the socket is descriptor 3. */
static int take_over_in_child(int type, const char *path)
{
    struct error err;
    char pid[16];
    int status, fd = -1;
    pid_t child = fork();

    if (child == 0) {
        struct sockaddr_un address;
        int given = socket(AF_UNIX, type, 0);

        if (!unix_address(path, &address, &err) ||
            bind(given, (struct sockaddr *)&address, sizeof(address)) < 0)
            _exit(20);
        if (type == SOCK_STREAM && listen(given, 8) < 0)
            _exit(21);
        dup2(given, 3);
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);

        if (!notify_listen("/nonexistent/never.sock", &fd, &err))
            _exit(err.kind == ERROR_INVALID ? 10 : 11);
        if (fd != 3 || !(fcntl(fd, F_GETFL) & O_NONBLOCK) ||
            !(fcntl(fd, F_GETFD) & FD_CLOEXEC) || getenv("LISTEN_FDS"))
            _exit(22);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_socket_of_systemd_comes_first(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take_over_in_child(SOCK_STREAM, fixture->path), 0);
}

static void another_kind_of_socket_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take_over_in_child(SOCK_DGRAM, fixture->path), 10);
}

static void notify_tells_the_manager(void **state)
{
    struct fixture *fixture = *state;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un address;
    struct error err;
    char text[64] = "";

    notify("READY=1"); /* nobody there: nothing happens */
    assert_true(unix_address(fixture->path, &address, &err));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", fixture->path, 1);
    notify("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static void the_watchdog_is_known_in_ms(void **state)
{
    (void)state;
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "3000000", 1);
    assert_int_equal(notify_watchdog_ms(), 3000);
    setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
    assert_int_equal(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

#define NOTIFY_TEST(test_)                                                     \
    cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOTIFY_TEST(a_path_is_bound_for_the_group),
        NOTIFY_TEST(a_stale_socket_is_replaced),
        NOTIFY_TEST(a_live_server_is_not_replaced),
        NOTIFY_TEST(a_busy_server_is_a_live_one),
        NOTIFY_TEST(what_is_no_socket_is_not_replaced),
        NOTIFY_TEST(a_port_is_bound_once),
        NOTIFY_TEST(hosts_and_all_addresses_are_understood),
        NOTIFY_TEST(an_ipv6_address_stands_in_brackets),
        NOTIFY_TEST(what_is_no_place_is_refused),
        NOTIFY_TEST(a_path_that_cannot_be_is_an_error),
        NOTIFY_TEST(the_socket_of_systemd_comes_first),
        NOTIFY_TEST(another_kind_of_socket_is_refused),
        NOTIFY_TEST(notify_tells_the_manager),
        NOTIFY_TEST(the_watchdog_is_known_in_ms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
