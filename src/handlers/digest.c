#include "digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct centroid {
    double mean, weight;
};

struct digest {
    double compression;
    struct centroid *centroids; /* sorted by mean */
    unsigned count, room;
    double weight;  /* of all centroids */
    double *buffer; /* values not yet merged */
    unsigned waiting, buffer_size;
    double min, max; /* of what was merged */
};

struct digest *digest_new(void *mem, unsigned compression, unsigned buffer)
{
    struct digest *digest = talloc_zero(mem, struct digest);

    digest->compression = compression;
    digest->room = 2 * compression;
    digest->centroids = talloc_array(digest, struct centroid, digest->room);
    digest->buffer_size = buffer;
    digest->buffer = talloc_array(digest, double, buffer);
    return digest;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void sort_buffer(struct digest *digest)
{
    qsort(digest->buffer, digest->waiting, sizeof(double), by_value);
}

/*
 * The scale function k1: a centroid may span one unit of it, which is a lot
 * of quantile in the middle and little at the ends. Given where a centroid
 * begins (a quantile), say where it has to end.
 */
static double span_end(const struct digest *digest, double begin)
{
    double k = digest->compression / (2 * M_PI) * asin(2 * begin - 1) + 1;

    if (k >= digest->compression / 4)
        return 1;
    return (sin(k * 2 * M_PI / digest->compression) + 1) / 2;
}

/* Gathers sorted centroids into as few as the scale function allows. */
struct merge {
    struct digest *digest;
    struct centroid *to; /* the one that grows */
    double total, before, limit;
};

static void merge_one(struct merge *m, double mean, double weight)
{
    struct digest *digest = m->digest;
    double reach = m->before + m->to->weight + weight;

    if (m->to->weight > 0 && reach > m->limit &&
        m->to + 1 < digest->centroids + digest->room) {
        m->before += m->to->weight;
        m->limit = span_end(digest, m->before / m->total) * m->total;
        *++m->to = (struct centroid){mean, weight};
        return;
    }
    m->to->weight += weight;
    m->to->mean += (mean - m->to->mean) * (weight / m->to->weight);
}

/* Merge the sorted buffer and the old centroids, both in order. */
static void merge_all(struct digest *digest, const struct centroid *old)
{
    const struct centroid *end = old + digest->count;
    const double *value = digest->buffer, *last = value + digest->waiting;
    struct merge m = {.digest = digest, .to = digest->centroids};

    m.total = digest->weight + (double)digest->waiting;
    m.limit = span_end(digest, 0) * m.total;
    *m.to = (struct centroid){0};
    while (value < last || old < end) {
        if (old == end || (value < last && *value < old->mean)) {
            merge_one(&m, *value++, 1);
        } else {
            merge_one(&m, old->mean, old->weight);
            old++;
        }
    }
    digest->count = (unsigned)(m.to - digest->centroids) + 1;
    digest->weight = m.total;
}

static void flush(struct digest *digest)
{
    struct centroid *old;
    const double *buffer = digest->buffer;

    if (digest->waiting == 0)
        return;
    sort_buffer(digest);
    if (digest->count == 0 || buffer[0] < digest->min)
        digest->min = buffer[0];
    if (digest->count == 0 || buffer[digest->waiting - 1] > digest->max)
        digest->max = buffer[digest->waiting - 1];
    old =
        talloc_memdup(digest, digest->centroids, digest->count * sizeof(*old));
    merge_all(digest, old);
    talloc_free(old);
    digest->waiting = 0;
}

void digest_add(struct digest *digest, double value)
{
    if (digest->waiting == digest->buffer_size)
        flush(digest);
    digest->buffer[digest->waiting++] = value;
}

bool digest_is_exact(const struct digest *digest)
{
    return digest->count == 0;
}

static double between(double from, double to, double share)
{
    return from + (to - from) * share;
}

static double exact_quantile(struct digest *digest, double q)
{
    double at = q * (double)(digest->waiting - 1);
    size_t below = (size_t)at;

    sort_buffer(digest);
    if (below + 1 >= digest->waiting)
        return digest->buffer[digest->waiting - 1];
    return between(digest->buffer[below], digest->buffer[below + 1],
                   at - (double)below);
}

/* A centroid's mean stands in the middle of its weight. */
static double merged_quantile(const struct digest *digest, double q)
{
    double at = q * digest->weight, middle = 0, before = 0;
    double previous = digest->min;

    for (size_t i = 0; i < digest->count; i++) {
        const struct centroid *c = &digest->centroids[i];
        double next = before + c->weight / 2;

        if (at < next)
            return between(previous, c->mean, (at - middle) / (next - middle));
        middle = next;
        previous = c->mean;
        before += c->weight;
    }
    if (before <= middle)
        return digest->max;
    return between(previous, digest->max, (at - middle) / (before - middle));
}

double digest_quantile(struct digest *digest, double q)
{
    if (digest->count == 0 && digest->waiting == 0)
        return NAN;
    if (digest_is_exact(digest))
        return exact_quantile(digest, q);
    flush(digest);
    return merged_quantile(digest, q);
}
