/* ivf_nearest.c — partitions in the order in which a search opens them, and when it has opened
 * enough: a heap, for most are never asked for. */
#include "index/ivf.h"

#include <stdlib.h>

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

varve_status ivf_nearest_init(ivf_nearest *n, const ivf_lists *l, const index_query *q,
                              uint32_t breadth, const float *distances, varve_error *err)
{
    *n = (ivf_nearest){.left = l->partitions, .wanted = breadth};
    n->rows_wanted = (uint64_t)VV_MIN(q->k, (size_t)l->rows) * l->copies;
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
    if (n->left == 0 || (n->opened >= n->wanted && offered >= n->rows_wanted)) return false;
    *ret_partition = n->heap[0].partition;
    n->heap[0] = n->heap[--n->left];
    if (n->left > 0) sift_down(n->heap, n->left, 0);
    n->opened++;
    return true;
}
