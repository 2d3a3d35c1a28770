/* kmeans_seed.c — first centroids: rows drawn with a probability that grows with their squared
 * distance to those drawn before (k-means++: Arthur and Vassilvitskii, SODA 2007), several at a
 * time once there are many (as k-means||: Bahmani et al., VLDB 2012), so that drawing k of them
 * costs about one assignment of the rows to k centroids. */
#include "base/random.h"
#include "quant/kmeans_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_MIN 2048
#define SAMPLE_PER 4 /* rows for each centroid */
#define DIRECT_MAX 4
#define PART_ROWS  4096
#define BATCH_PER  8 /* a batch adds at most one for so many that there are */

typedef struct seeding {
    kmeans_rows sample;
    random_state random;
    thread_pool *pool;
    float *centroids;
    size_t k, chosen;
    size_t measured; /* chosen ones that `nearest` knows */
    const quant_isa_kernels *isa;
    double *nearest; /* squared distance of each row to the nearest centroid; 0: drawn */
    double *found;   /* the same, of the last batch */
    uint32_t *ids;
} seeding;

/* Rows in order, each with the chance that is left to it (Knuth 3.4.2, algorithm S). */
static void draw_sample(const kmeans_rows *rows, random_state *random, uint32_t *picks, size_t n)
{
    size_t taken = 0;
    for (size_t i = 0; taken < n; i++) {
        if (random_below(random, rows->n - i) < n - taken)
            picks[taken++] = rows->pick ? rows->pick[i] : (uint32_t)i;
    }
}

static void take_row(seeding *s, size_t i)
{
    memcpy(s->centroids + s->chosen * s->sample.width, kmeans_row(&s->sample, i),
           s->sample.width * sizeof(float));
    s->nearest[i] = 0;
    s->chosen++;
}

/* By distance; any row when all lie on centroids. */
static size_t draw_row(seeding *s, double total)
{
    double at = random_unit(&s->random) * total, sum = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < s->sample.n && total > 0; i++) {
        if (!(s->nearest[i] > 0)) continue;
        sum += s->nearest[i];
        last = i;
        if (sum > at) break;
    }
    return last == SIZE_MAX ? random_below(&s->random, s->sample.n) : last;
}

static void draw_batch(seeding *s, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        double total = 0;
        for (size_t i = 0; i < s->sample.n; i++)
            total += s->nearest[i];
        take_row(s, draw_row(s, total));
    }
}

/* A few centroids, without packing them: rows of a part against all of the batch. */
static void measure_part(void *context, size_t part)
{
    seeding *s = context;
    size_t width = s->sample.width, end = VV_MIN((part + 1) * PART_ROWS, s->sample.n);
    for (size_t i = part * PART_ROWS; i < end; i++) {
        const float *x = kmeans_row(&s->sample, i);
        for (size_t j = s->measured; j < s->chosen; j++) {
            double d = s->isa->squared(x, s->centroids + j * width, width);
            s->nearest[i] = VV_MIN(d, s->nearest[i]);
        }
    }
}

static varve_status measure_many(seeding *s, varve_error *err)
{
    VV_CLEANUP(kmeans_centroids_done) kmeans_centroids c = {0};
    size_t width = s->sample.width, count = s->chosen - s->measured;
    const float *batch = s->centroids + s->measured * width;
    VV_TRY(kmeans_centroids_init(&c, s->isa, batch, count, width, err));
    VV_TRY(kmeans_nearest(&c, &s->sample, 1, s->pool, s->ids, s->found, err));
    for (size_t i = 0; i < s->sample.n; i++)
        s->nearest[i] = VV_MIN(s->nearest[i], s->found[i]);
    return VARVE_OK;
}

static varve_status measure_batch(seeding *s, varve_error *err)
{
    if (s->chosen - s->measured > DIRECT_MAX)
        VV_TRY(measure_many(s, err));
    else
        pool_run(s->pool, (s->sample.n + PART_ROWS - 1) / PART_ROWS, measure_part, s);
    s->measured = s->chosen;
    return VARVE_OK;
}

static varve_status draw_all(seeding *s, varve_error *err)
{
    for (size_t i = 0; i < s->sample.n; i++)
        s->nearest[i] = INFINITY;
    take_row(s, random_below(&s->random, s->sample.n));
    VV_TRY(measure_batch(s, err));
    while (s->chosen < s->k) {
        size_t first = s->chosen, more = VV_MAX(first / BATCH_PER, (size_t)1);
        draw_batch(s, VV_MIN(more, s->k - first));
        if (s->chosen < s->k) VV_TRY(measure_batch(s, err));
    }
    return VARVE_OK;
}

varve_status kmeans_seed(const kmeans_rows *rows, const kmeans_options *options,
                         float *ret_centroids, varve_error *err)
{
    size_t n = VV_MAX((size_t)SAMPLE_MIN, (size_t)SAMPLE_PER * options->k);
    n = VV_MIN(n, rows->n);
    VV_CLEANUP(vv_freep) uint32_t *picks = calloc(n, 2 * sizeof *picks);
    VV_CLEANUP(vv_freep) double *distances = calloc(n, 2 * sizeof *distances);
    if (!picks || !distances)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of %zu rows", n);
    seeding s = {.sample = {rows->values, picks, n, rows->width},
                 .pool = options->pool,
                 .isa = quant_isa_choose(),
                 .centroids = ret_centroids,
                 .k = options->k,
                 .nearest = distances,
                 .found = distances + n,
                 .ids = picks + n};
    random_seed(&s.random, options->seed);
    draw_sample(rows, &s.random, picks, n);
    return draw_all(&s, err);
}
