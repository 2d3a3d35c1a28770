/* ivf_nearest.c — partitions in the order in which a search opens them, and when it has opened
 * enough: a heap, for most are never asked for.
 *
 * Where rows are hidden, the nearest partitions may have fewer live ones than their share, or none.
 * Then the live rows are far from the query, the nearest of them in many partitions, and more of
 * those are opened, until as many live rows were offered as should have been; and the more of them,
 * the more were missing. */
#include "index/ivf.h"

#include "quant/quant.h"

#include <stdlib.h>

#define USUAL   0.9 /* of the rows expected: partitions differ in size */
#define FURTHER 4.0 /* times those, where all were missing */

static bool nearer(const ivf_near *a, const ivf_near *b)
{
    return a->distance < b->distance || (a->distance == b->distance && a->partition < b->partition);
}

static void sift_down(ivf_near *heap, uint32_t count, uint32_t at)
{
    ivf_near moving = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && nearer(&heap[child + 1], &heap[child])) child++;
        if (!nearer(&heap[child], &moving)) break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

/* Live rows of the wanted partitions, were they anywhere. */
static double rows_expected(const ivf_lists *l, const index_query *q, uint32_t breadth)
{
    uint64_t hidden = VV_MIN(tombstones_count(q->hidden), l->rows);
    double share = (double)(l->rows - hidden) / (double)l->rows;
    double opened = (double)VV_MIN(breadth, l->partitions) / l->partitions;
    double filling = (double)l->partitions * QUANT_GROUP / 2;
    if (hidden == 0 || q->breadth > 0) return 0;
    return USUAL * opened * share * VV_MAX((double)l->rows, (double)l->coded - filling);
}

/* The wanted partitions are open. */
static void want_further(ivf_nearest *n, uint64_t offered)
{
    double missing = 1 - (double)offered / n->rows_expected;
    if (!(missing > 0)) return;
    uint64_t wanted = (uint64_t)(n->rows_expected * (1 + FURTHER * missing));
    n->rows_wanted = VV_MAX(n->rows_wanted, wanted);
}

varve_status ivf_nearest_init(ivf_nearest *n, const ivf_lists *l, const index_query *q,
                              uint32_t breadth, const float *distances, varve_error *err)
{
    *n = (ivf_nearest){.left = l->partitions, .wanted = breadth};
    n->rows_wanted = (uint64_t)VV_MIN(q->k, (size_t)l->rows) * l->copies;
    n->rows_expected = rows_expected(l, q, breadth);
    n->heap = malloc(l->partitions * sizeof *n->heap);
    if (!n->heap) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u partitions", n->left);
    for (uint32_t i = 0; i < l->partitions; i++)
        n->heap[i] = (ivf_near){distances[i], i};
    for (uint32_t i = n->left / 2; i > 0; i--)
        sift_down(n->heap, n->left, i - 1);
    return VARVE_OK;
}

void ivf_nearest_done(ivf_nearest *n)
{
    free(n->heap);
    n->heap = NULL;
}

bool ivf_nearest_next(ivf_nearest *n, uint64_t offered, uint32_t *ret_partition)
{
    if (n->opened == n->wanted && n->rows_expected > 0) want_further(n, offered);
    if (n->left == 0 || (n->opened >= n->wanted && offered >= n->rows_wanted)) return false;
    *ret_partition = n->heap[0].partition;
    n->heap[0] = n->heap[--n->left];
    if (n->left > 0) sift_down(n->heap, n->left, 0);
    n->opened++;
    return true;
}
