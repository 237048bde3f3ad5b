#include "uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW     INT64_C(1795311600000)
#define THREADS 4
#define EACH    20000

static int64_t time_of(const char *uuid)
{
    char digits[13] = "";

    memcpy(digits, uuid, 8);
    memcpy(digits + 8, uuid + 9, 4);
    return strtoll(digits, NULL, 16);
}

static void an_id_is_version_7_with_its_time(void **state)
{
    char id[UUID_TEXT];

    (void)state;
    for (int64_t ms = NOW; ms < NOW + 1000; ms++) {
        uuid_new(ms, id);
        assert_true(uuid_valid(id));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        assert_int_equal(time_of(id), ms);
    }
}

static void ids_of_one_millisecond_rise(void **state)
{
    char last[UUID_TEXT], id[UUID_TEXT];

    (void)state;
    uuid_new(NOW + 10000, last);
    for (int i = 0; i < 20000; i++) {
        uuid_new(NOW + 10000, id);
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(id));
    }
    /* Borrowed time stays small: 2,048 ids or more in each millisecond. */
    assert_in_range(time_of(last), NOW + 10000, NOW + 10010);
}

static void a_clock_a_little_behind_still_rises(void **state)
{
    char last[UUID_TEXT], id[UUID_TEXT];

    (void)state;
    uuid_new(NOW + 20000, last);
    uuid_new(NOW + 19000, id);
    assert_true(strcmp(id, last) > 0);
    assert_int_equal(time_of(id), NOW + 20000);
}

static void a_clock_that_is_set_back_is_believed(void **state)
{
    char id[UUID_TEXT];

    (void)state;
    uuid_new(NOW + 3600000, id);
    uuid_new(NOW + 30000, id);
    assert_int_equal(time_of(id), NOW + 30000);
}

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, UUID_TEXT);
}

static void *make_many(void *arg)
{
    char(*ids)[UUID_TEXT] = arg;

    for (int i = 0; i < EACH; i++)
        uuid_new(NOW + 40000 + i / 1000, ids[i]);
    return NULL;
}

static void threads_make_rising_and_different_ids(void **state)
{
    char(*ids)[UUID_TEXT] = calloc(THREADS * EACH, UUID_TEXT);
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, make_many, ids + i * EACH), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    for (size_t i = 1; i < THREADS * EACH; i++)
        if (i % EACH != 0)
            assert_true(strcmp(ids[i - 1], ids[i]) < 0);
    qsort(ids, THREADS * EACH, UUID_TEXT, by_text);
    for (size_t i = 1; i < THREADS * EACH; i++)
        assert_true(strcmp(ids[i - 1], ids[i]) < 0);
    free(ids);
}

static const struct {
    const char *text;
    bool want;
} texts[] = {
    {"019a9f2e-3b00-7abc-8def-0123456789ab",  true },
    {"019A9F2E-3B00-7ABC-8DEF-0123456789AB",  true },
    {"00000000-0000-0000-0000-000000000000",  true },
    {"",                                      false},
    {"019a9f2e",                              false},
    {"019a9f2e-3b00-7abc-8def-0123456789a",   false},
    {"019a9f2e-3b00-7abc-8def-0123456789abc", false},
    {"019a9f2e-3b00-7abc-8def-0123456789ag",  false},
    {"019a9f2e-3b00-7abc-8def-0123456789ab ", false},
    {" 19a9f2e-3b00-7abc-8def-0123456789ab",  false},
    {"019a9f2e03b00-7abc-8def-0123456789ab",  false},
    {"019a9f2e-3b00-7abc-8def00123456789ab",  false},
    {"{19a9f2e-3b00-7abc-8def-0123456789a}",  false},
    {"019a9f2e3b007abc8def0123456789ab",      false},
};

static void only_the_canonical_form_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (uuid_valid(texts[i].text) != texts[i].want)
            fail_msg("\"%s\"", texts[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_version_7_with_its_time),
        cmocka_unit_test(ids_of_one_millisecond_rise),
        cmocka_unit_test(a_clock_a_little_behind_still_rises),
        cmocka_unit_test(a_clock_that_is_set_back_is_believed),
        cmocka_unit_test(threads_make_rising_and_different_ids),
        cmocka_unit_test(only_the_canonical_form_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
