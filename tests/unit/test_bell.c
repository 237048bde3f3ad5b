#include "bell.h"
#include "clock.h"
#include "unix_address.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 5000
#define THREADS     4
#define EACH        2000

/* A run_dir of its own for each test, so that no list of another is used. */
static int setup(void **state)
{
    char *dir = talloc_strdup(NULL, "/tmp/test_bell.XXXXXX");

    *state = dir;
    return mkdtemp(dir) == NULL;
}

static int teardown(void **state)
{
    char *dir = *state;
    char *bell = talloc_asprintf(dir, "%s/bell", dir);

    /* Whatever a test left there makes this fail. */
    if (rmdir(bell) < 0 && errno != ENOENT)
        return -1;
    if (rmdir(dir) < 0)
        return -1;
    talloc_free(dir);
    return 0;
}

static int listen_to(void *mem, const char *dir, const char *name)
{
    struct error err;
    int fd = -1;

    if (!bell_listen(mem, dir, name, &fd, &err))
        fail_msg("%s", err.text);
    return fd;
}

static bool is_rung(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, wait_ms) == 1;
}

static char *path_of(void *mem, const char *dir, const char *name, int pid)
{
    return talloc_asprintf(mem, "%s/bell/%s.%d", dir, name, pid);
}

/* What is left of a process that was killed. */
static void leave_stale(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un address;
    struct error err;

    assert_true(unix_address(path, &address, &err));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void a_ring_wakes_every_listener_of_the_name(void **state)
{
    void *mem = talloc_new(*state);
    int jobs = listen_to(mem, *state, "jobs");
    int events = listen_to(mem, *state, "events");

    bell_ring(*state, "job");
    bell_ring(*state, "jobs.");
    bell_ring(*state, "");
    assert_false(is_rung(jobs, 0));
    bell_ring(*state, "jobs");
    assert_true(is_rung(jobs, DEADLINE_MS));
    assert_false(is_rung(events, 0));
    bell_ring(*state, "events");
    assert_true(is_rung(events, DEADLINE_MS));
    talloc_free(mem);
}

static void draining_takes_all_rings(void **state)
{
    void *mem = talloc_new(*state);
    int fd = listen_to(mem, *state, "jobs");

    for (int i = 0; i < 5; i++)
        bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    bell_drain(fd);
    assert_false(is_rung(fd, 0));
    bell_drain(fd); /* does not block */
    bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    talloc_free(mem);
}

static void a_listener_that_never_reads_blocks_nobody(void **state)
{
    void *mem = talloc_new(*state);
    int fd = listen_to(mem, *state, "jobs");

    for (int i = 0; i < 5000; i++)
        bell_ring(*state, "jobs");
    assert_true(is_rung(fd, 0));
    bell_drain(fd);
    assert_false(is_rung(fd, 0));
    talloc_free(mem);
}

static void the_socket_is_for_the_group_and_goes_with_its_context(void **state)
{
    void *mem = talloc_new(*state);
    char *path = path_of(*state, *state, "jobs", (int)getpid());
    struct stat st;

    listen_to(mem, *state, "jobs");
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0660);
    talloc_free(mem);
    assert_int_equal(stat(path, &st), -1);
}

static void a_child_leaves_the_socket_alone(void **state)
{
    void *mem = talloc_new(*state);
    int fd = listen_to(mem, *state, "jobs"), status;
    pid_t child = fork();

    if (child == 0) {
        talloc_free(mem);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    talloc_free(mem);
}

static void a_new_listener_is_found_soon(void **state)
{
    void *mem = talloc_new(*state);
    int64_t began = clock_mono_ms();
    bool rung_at_once;
    int fd;

    bell_ring(*state, "jobs"); /* finds nobody, and keeps that list */
    fd = listen_to(mem, *state, "jobs");
    bell_ring(*state, "jobs");
    rung_at_once = is_rung(fd, 0);
    if (clock_mono_ms() - began < 500)
        assert_false(rung_at_once);

    while (!is_rung(fd, 10)) {
        assert_true(clock_mono_ms() - began < DEADLINE_MS);
        bell_ring(*state, "jobs");
    }
    talloc_free(mem);
}

static void stale_sockets_are_removed(void **state)
{
    void *mem = talloc_new(*state);
    char *stale = path_of(mem, *state, "jobs", 99999999);
    char *other = path_of(mem, *state, "events", 99999999);
    int fd = listen_to(mem, *state, "jobs");

    leave_stale(stale);
    leave_stale(other);
    bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    assert_int_equal(access(stale, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0); /* not rung, so not known */
    bell_ring(*state, "events");
    assert_int_equal(access(other, F_OK), -1);
    talloc_free(mem);
}

static void what_is_no_socket_stays(void **state)
{
    void *mem = talloc_new(*state);
    char *path = path_of(mem, *state, "jobs", 1);
    int fd = listen_to(mem, *state, "jobs");
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fclose(file);
    bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    assert_int_equal(unlink(path), 0);
    talloc_free(mem);
}

static void
the_socket_of_a_dead_process_with_our_number_is_replaced(void **state)
{
    void *mem = talloc_new(*state);
    char *path = path_of(mem, *state, "jobs", (int)getpid());
    int fd;

    listen_to(mem, *state, "other"); /* makes the folder */
    leave_stale(path);
    fd = listen_to(mem, *state, "jobs");
    bell_ring(*state, "jobs");
    assert_true(is_rung(fd, DEADLINE_MS));
    talloc_free(mem);
}

static void one_bell_is_listened_to_once_in_a_process(void **state)
{
    void *mem = talloc_new(*state);
    int fd = listen_to(mem, *state, "jobs"), second = -7;
    struct error err = {0};

    assert_false(bell_listen(mem, *state, "jobs", &second, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_int_equal(second, -7);
    bell_drain(fd);
    bell_ring(*state, "jobs"); /* the first still works */
    assert_true(is_rung(fd, DEADLINE_MS));
    talloc_free(mem);
}

static void a_folder_that_cannot_be_is_an_error(void **state)
{
    char *missing = talloc_asprintf(*state, "%s/none", (char *)*state);
    char *deep = talloc_strdup(*state, "/tmp");
    struct error err = {0};
    int fd = -7;

    assert_false(bell_listen(*state, missing, "jobs", &fd, &err));
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.text, missing));
    bell_ring(missing, "jobs"); /* nobody there: nothing happens */

    for (int i = 0; i < 60; i++)
        deep = talloc_strdup_append(deep, "/.");
    bell_ring(deep, "jobs");
    assert_int_equal(fd, -7);
}

static void a_path_that_is_too_long_is_an_error(void **state)
{
    char *deep = talloc_strdup(*state, *state);
    struct error err = {0};
    int fd = -7;

    for (int i = 0; i < 60; i++)
        deep = talloc_strdup_append(deep, "/.");
    assert_false(bell_listen(*state, deep, "jobs", &fd, &err));
    assert_int_equal(err.kind, ERROR_INVALID);
    assert_non_null(strstr(err.text, "at most 107 bytes"));
    assert_int_equal(fd, -7);
}

static void *ring_many(void *arg)
{
    for (int i = 0; i < EACH; i++)
        bell_ring(arg, "jobs");
    return NULL;
}

static void threads_may_ring(void **state)
{
    void *mem = talloc_new(*state);
    int fd = listen_to(mem, *state, "jobs");
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ring_many, *state),
                         0);
    assert_true(is_rung(fd, DEADLINE_MS));
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    bell_drain(fd);
    assert_false(is_rung(fd, 0));
    talloc_free(mem);
}

#define BELL_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BELL_TEST(a_ring_wakes_every_listener_of_the_name),
        BELL_TEST(draining_takes_all_rings),
        BELL_TEST(a_listener_that_never_reads_blocks_nobody),
        BELL_TEST(the_socket_is_for_the_group_and_goes_with_its_context),
        BELL_TEST(a_child_leaves_the_socket_alone),
        BELL_TEST(a_new_listener_is_found_soon),
        BELL_TEST(stale_sockets_are_removed),
        BELL_TEST(what_is_no_socket_stays),
        BELL_TEST(the_socket_of_a_dead_process_with_our_number_is_replaced),
        BELL_TEST(one_bell_is_listened_to_once_in_a_process),
        BELL_TEST(a_folder_that_cannot_be_is_an_error),
        BELL_TEST(a_path_that_is_too_long_is_an_error),
        BELL_TEST(threads_may_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
