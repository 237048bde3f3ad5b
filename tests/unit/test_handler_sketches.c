#include "digest.h"
#include "hash.h"
#include "hll.h"
#include "topk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

static void a_hash_depends_on_each_byte_and_the_length(void **state)
{
    static const char text[] = "0123456789abcdefghij";
    char other[sizeof(text)];

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        assert_true(hash_bytes(text, len, 0) != hash_bytes(text, len + 1, 0));
        assert_true(hash_bytes(text, len, 0) != hash_bytes(text, len, 1));
        for (size_t i = 0; i < len; i++) {
            memcpy(other, text, sizeof(text));
            other[i] ^= 1;
            assert_true(hash_bytes(text, len, 0) != hash_bytes(other, len, 0));
        }
    }
}

static void hyperloglog_keeps_its_error(void **state)
{
    static const size_t counts[] = {0,     1,     10,     100,    1000,
                                    10000, 30000, 100000, 1000000};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct hll *hll = hll_new(NULL, 14);
        double count = (double)counts[i];

        /* Each value twice: only different ones count. */
        for (size_t k = 0; k < 2 * counts[i]; k++) {
            char text[20];
            int len = snprintf(text, sizeof(text), "v%zu", k / 2);

            hll_add(hll, hash_bytes(text, (size_t)len, 0));
        }
        /* Three times the standard error. */
        assert_true(fabs(hll_count(hll) - count) <= 0.5 + count * 0.0244);
        talloc_free(hll);
    }
}

/* A number from 0 to 1. */
static double uniform(uint64_t *random)
{
    return (double)(hash_random(random) >> 11) / (double)(UINT64_C(1) << 53);
}

static double exponential(uint64_t *random)
{
    return -log(1 - uniform(random));
}

static double few_values(uint64_t *random)
{
    return floor(uniform(random) * 10);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The share of values below x, as a range if x occurs several times. */
static void rank_of(const double *sorted, size_t count, double x, double *low,
                    double *high)
{
    size_t below = 0, up_to;

    while (below < count && sorted[below] < x)
        below++;
    for (up_to = below; up_to < count && sorted[up_to] <= x;)
        up_to++;
    *low = (double)below / (double)count;
    *high = (double)up_to / (double)count;
}

enum order { RANDOM, RISING, FALLING };

static void check_digest(double (*draw)(uint64_t *), enum order order)
{
    static const double points[] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};
    enum { COUNT = 200000 };
    double *values = talloc_array(NULL, double, COUNT);
    struct digest *digest = digest_new(values, 200, 1024);
    uint64_t random = 7;

    for (size_t i = 0; i < COUNT; i++)
        values[i] = draw(&random);
    if (order != RANDOM)
        qsort(values, COUNT, sizeof(double), by_value);
    for (size_t i = 0; i < COUNT; i++)
        digest_add(digest, values[order == FALLING ? COUNT - 1 - i : i]);
    qsort(values, COUNT, sizeof(double), by_value);
    assert_false(digest_is_exact(digest));
    for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
        double low, high, q = points[i];
        double allowed = 0.01 * sqrt(q * (1 - q)) + 0.0005;

        rank_of(values, COUNT, digest_quantile(digest, q), &low, &high);
        /* Between two of few values any point has the rank of the lower. */
        if (draw != few_values)
            assert_true(q >= low - allowed && q <= high + allowed);
        else
            assert_true(q >= low - 0.11 && q <= high + 0.11);
    }
    talloc_free(values);
}

static void the_digest_is_right_to_half_a_percent_of_rank(void **state)
{
    (void)state;
    check_digest(uniform, RANDOM);
    check_digest(uniform, RISING);
    check_digest(uniform, FALLING);
    check_digest(exponential, RANDOM);
    check_digest(exponential, RISING);
    check_digest(few_values, RANDOM);
}

static void few_values_have_exact_quantiles(void **state)
{
    struct digest *digest = digest_new(NULL, 200, 1024);

    (void)state;
    assert_true(isnan(digest_quantile(digest, 0.5)));
    for (int i = 5; i >= 1; i--)
        digest_add(digest, i);
    assert_true(digest_is_exact(digest));
    assert_true(fabs(digest_quantile(digest, 0.5) - 3) < 1e-12);
    assert_true(fabs(digest_quantile(digest, 0.25) - 2) < 1e-12);
    assert_true(fabs(digest_quantile(digest, 0.95) - 4.8) < 1e-12);
    assert_true(fabs(digest_quantile(digest, 1) - 5) < 1e-12);
    talloc_free(digest);
}

static void add_number(struct topk *topk, int number)
{
    char text[20];
    int len = snprintf(text, sizeof(text), "%d", number);

    topk_add(topk, hash_bytes(text, (size_t)len, 0), text, (size_t)len);
}

static void few_different_values_are_counted_exactly(void **state)
{
    struct topk *topk = topk_new(NULL, 64);
    const struct topk_value *top[3];

    (void)state;
    for (int i = 0; i < 64; i++)
        for (int k = 0; k <= i; k++)
            add_number(topk, i);
    assert_int_equal(topk_error(topk), 0);
    assert_int_equal(topk_used(topk), 64);
    assert_int_equal(topk_list(topk, top, 3), 3);
    assert_int_equal(top[0]->count, 64);
    assert_memory_equal(top[0]->clip.text, "63", 2);
    assert_int_equal(top[2]->count, 62);
    talloc_free(topk);
}

/* One value in ten is "7", one in twenty "8"; the others are all different. */
static void frequent_values_are_found_among_very_many(void **state)
{
    enum { COUNT = 100000 };
    struct topk *topk = topk_new(NULL, 64);
    const struct topk_value *top[10];

    (void)state;
    for (int i = 0; i < COUNT; i++)
        add_number(topk, i % 10 == 0 ? 7 : i % 20 == 1 ? 8 : 1000 + i);
    assert_true(topk_error(topk) > 0);
    assert_true(topk_error(topk) <= 2 * COUNT / 64);
    assert_int_equal(topk_list(topk, top, 10), 2);
    assert_memory_equal(top[0]->clip.text, "7", 1);
    assert_memory_equal(top[1]->clip.text, "8", 1);
    assert_true(top[0]->count <= COUNT / 10);
    assert_true(top[0]->count + topk_error(topk) >= COUNT / 10);
    talloc_free(topk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_depends_on_each_byte_and_the_length),
        cmocka_unit_test(hyperloglog_keeps_its_error),
        cmocka_unit_test(the_digest_is_right_to_half_a_percent_of_rank),
        cmocka_unit_test(few_values_have_exact_quantiles),
        cmocka_unit_test(few_different_values_are_counted_exactly),
        cmocka_unit_test(frequent_values_are_found_among_very_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
