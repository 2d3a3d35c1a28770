/* flat_best.c — the best of many estimates, by selection; see flat.h. */
#include "index/flat.h"

#include <float.h>
#include <stdlib.h>

varve_status flat_best_init(flat_best *b, size_t keep, varve_error *err)
{
    *b = (flat_best){.keep = keep, .worst = FLT_MAX};
    b->hits = malloc(2 * keep * sizeof *b->hits);
    return b->hits ? VARVE_OK : vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu hits", keep);
}

void flat_best_done(flat_best *b)
{
    free(b->hits);
    b->hits = NULL;
}

static bool better(const index_hit *a, const index_hit *b)
{
    return a->key < b->key || (a->key == b->key && a->slot < b->slot);
}

static void swap(index_hit *a, index_hit *b)
{
    index_hit t = *a;
    *a = *b;
    *b = t;
}

static void order(index_hit *a, index_hit *b)
{
    if (better(b, a)) swap(a, b);
}

/* Hoare's partition about the median of three; all hits differ by slot. Returns where the right
 * part begins: inside (0, count), for count >= 3. */
static size_t split(index_hit *hits, size_t count)
{
    size_t left = 0, right = count - 1, middle = count / 2;
    order(&hits[0], &hits[middle]);
    order(&hits[middle], &hits[right]);
    order(&hits[0], &hits[middle]);
    index_hit pivot = hits[middle];
    while (true) {
        while (better(&hits[left], &pivot))
            left++;
        while (better(&pivot, &hits[right]))
            right--;
        if (left >= right) return right + 1;
        swap(&hits[left++], &hits[right--]);
    }
}

/* The best `keep` come first, in any order. */
static void select_best(index_hit *hits, size_t count, size_t keep)
{
    while (count > 2) {
        size_t at = split(hits, count);
        if (keep <= at) {
            count = at;
        } else {
            hits += at;
            count -= at;
            keep -= at;
        }
        if (keep == 0 || keep >= count) return;
    }
    if (count == 2) order(&hits[0], &hits[1]);
}

static void cut(flat_best *b)
{
    if (b->count <= b->keep) return;
    select_best(b->hits, b->count, b->keep);
    b->count = b->keep;
    b->worst = b->hits[0].key;
    for (size_t i = 1; i < b->count; i++)
        b->worst = VV_MAX(b->worst, b->hits[i].key);
}

void flat_best_push_slow(flat_best *b, float key, uint32_t slot)
{
    if (b->count == 2 * b->keep) cut(b);
    b->hits[b->count++] = (index_hit){slot, key <= FLT_MAX ? key : FLT_MAX};
}

static int compare(const void *a, const void *b)
{
    const index_hit *x = a, *y = b;
    return better(x, y) ? -1 : better(y, x);
}

void flat_best_end(flat_best *b)
{
    cut(b);
    if (b->count > 1) qsort(b->hits, b->count, sizeof *b->hits, compare);
}
