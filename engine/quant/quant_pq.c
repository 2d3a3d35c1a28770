/* quant_pq.c — product quantisation with 16 centroids in each subspace: 4 bits.
 *
 * The coordinates are cut into M runs that differ in length by one at most. A row is the nearest
 * centroid of each of its parts. The squared distance of a query to it is the sum of those to the
 * centroids, from tables made for the query; the tables are rounded to bytes with one common step,
 * so that a register holds a table and the sum is one of integers.
 *
 * A group: codes, as NIBBLES. */
#include "quant/kmeans.h"
#include "quant/quant_private.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SAMPLE_ROWS 8192
#define ITERATIONS  12
#define CENTROIDS   16
#define DEFAULT_MAX 256 /* subspaces, of 2 coordinates while there are no more */

static varve_status prepare(quantiser *q, varve_error *err)
{
    uint32_t width = q->spec.width, wanted = q->spec.parameter;
    (void)err;
    if (wanted == 0) wanted = VV_MIN((width + 1) / 2, (uint32_t)DEFAULT_MAX);
    q->spec.parameter = VV_MIN(wanted, width);
    q->subspaces.count = q->spec.parameter;
    q->subspaces.width = width / q->spec.parameter;
    q->subspaces.longer = width % q->spec.parameter;
    q->learnt_count = (size_t)width * CENTROIDS;
    q->codes_bytes = quant_nibbles_bytes(q->subspaces.count);
    q->group_bytes = q->codes_bytes;
    return VARVE_OK;
}

/* ---- training ------------------------------------------------------------------------------ */

typedef struct training {
    quantiser *q;
    const float *sample;
    size_t n;
    _Atomic(int) failed; /* a varve_status */
} training;

static varve_status train_subspace(const training *t, size_t i)
{
    const quant_subspaces *s = &t->q->subspaces;
    size_t start = quant_subspace_start(s, i), width = quant_subspace_start(s, i + 1) - start;
    const kmeans_options options = {
        .k = CENTROIDS, .iterations = ITERATIONS, .seed = t->q->spec.seed + i};
    VV_CLEANUP(vv_freep) float *rows = malloc((t->n + CENTROIDS) * width * sizeof *rows);
    if (!rows) return VARVE_NO_MEMORY;
    float *centroids = rows + t->n * width;
    for (size_t r = 0; r < t->n; r++)
        memcpy(rows + r * width, t->sample + r * t->q->spec.width + start, width * sizeof *rows);
    VV_TRY(kmeans(rows, t->n, width, &options, centroids, NULL));
    for (size_t d = 0; d < width; d++) {
        for (size_t c = 0; c < CENTROIDS; c++)
            t->q->learnt[(start + d) * CENTROIDS + c] = centroids[c * width + d];
    }
    return VARVE_OK;
}

static void train_part(void *context, size_t part)
{
    training *t = context;
    varve_status status = train_subspace(t, part);
    if (status != VARVE_OK) atomic_store(&t->failed, (int)status);
}

static varve_status train(quantiser *q, const float *sample, size_t n, thread_pool *pool,
                          varve_error *err)
{
    training t = {.q = q, .sample = sample, .n = n, .failed = VARVE_OK};
    pool_run(pool, q->subspaces.count, train_part, &t);
    varve_status status = (varve_status)atomic_load(&t.failed);
    if (status != VARVE_OK) return vv_fail(err, status, "the centroids of a subspace failed");
    return VARVE_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static quant_subspaces subspaces_of(const quantiser *q)
{
    quant_subspaces s = q->subspaces;
    s.centroids = q->learnt;
    return s;
}

static void encode(const quantiser *q, const float *const *rows, uint8_t *ret_group)
{
    const quant_subspaces s = subspaces_of(q);
    q->isa->encode_pq(&s, rows, ret_group);
}

static void decode(const quantiser *q, const uint8_t *group, size_t i, float *ret)
{
    for (size_t m = 0; m < q->subspaces.count; m++) {
        uint8_t code = quant_nibbles_get(group, m, i);
        size_t end = quant_subspace_start(&q->subspaces, m + 1);
        for (size_t d = quant_subspace_start(&q->subspaces, m); d < end; d++)
            ret[d] = q->learnt[d * CENTROIDS + code];
    }
}

/* ---- queries ------------------------------------------------------------------------------- */

static varve_status query(quant_query *query, const float *values, varve_error *err)
{
    const quantiser *q = query->quantiser;
    const quant_subspaces *s = &q->subspaces;
    VV_CLEANUP(vv_freep) double *entries = calloc(s->count, CENTROIDS * sizeof *entries);
    if (!entries) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    for (size_t m = 0; m < s->count; m++) {
        size_t end = quant_subspace_start(s, m + 1);
        double sums[CENTROIDS] = {0};
        for (size_t d = quant_subspace_start(s, m); d < end; d++) {
            const float *centroids = q->learnt + d * CENTROIDS;
            double x = (double)values[d];
            for (size_t c = 0; c < CENTROIDS; c++)
                sums[c] += (x - (double)centroids[c]) * (x - (double)centroids[c]);
        }
        memcpy(entries + m * CENTROIDS, sums, sizeof sums);
    }
    return quant_query_tables(query, entries, s->count, &query->terms.pq, err);
}

static void scan(const quant_query *query, const uint8_t *group, float *ret)
{
    const quant_isa_kernels *isa = query->quantiser->isa;
    uint32_t sums[QUANT_GROUP];
    isa->lookups(query->tables, query->blocks, group, sums);
    isa->finish_pq(&query->terms.pq, sums, ret);
}

const quant_type quant_type_pq = {.name = "PQ",
                                  .sample_rows = SAMPLE_ROWS,
                                  .prepare = prepare,
                                  .train = train,
                                  .encode = encode,
                                  .decode = decode,
                                  .query = query,
                                  .scan = scan};
