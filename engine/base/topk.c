/* topk.c — a binary max-heap of (key, slot), its worst entry at the root. */
#include "base/topk.h"

#include <assert.h>
#include <math.h>

static inline bool worse(topk_entry a, topk_entry b)
{
    return a.key > b.key || (a.key == b.key && a.slot > b.slot);
}

static void sift_up(topk_entry *heap, size_t at, topk_entry entry)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!worse(entry, heap[parent])) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = entry;
}

static void sift_down(topk_entry *heap, size_t count, topk_entry entry)
{
    size_t at = 0, child;
    while ((child = 2 * at + 1) < count) {
        if (child + 1 < count && worse(heap[child + 1], heap[child])) child++;
        if (!worse(heap[child], entry)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

void topk_init(topk *t, topk_entry *entries, size_t k)
{
    assert(k > 0);
    *t = (topk){.entries = entries, .k = k};
}

void topk_push_slow(topk *t, double key, uint64_t slot)
{
    topk_entry entry = {isnan(key) ? INFINITY : key, slot};
    if (t->count < t->k)
        sift_up(t->entries, t->count++, entry);
    else if (worse(t->entries[0], entry))
        sift_down(t->entries, t->count, entry);
}

double topk_bound(const topk *t) { return t->count < t->k ? INFINITY : t->entries[0].key; }

/* Heap sort: the worst goes behind the heap that is left. */
void topk_sort(topk *t)
{
    for (size_t left = t->count; left > 1; left--) {
        topk_entry last = t->entries[left - 1];
        t->entries[left - 1] = t->entries[0];
        sift_down(t->entries, left - 1, last);
    }
}
