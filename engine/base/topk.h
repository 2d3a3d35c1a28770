/* topk.h — the k smallest (key, tie) pairs of a stream, in a binary max-heap. A metric where larger
 * is better enters negated; a NaN counts as +infinity. Memory is the caller's: `entries` has room
 * for k, and k is at least 1. */
#ifndef VARVE_BASE_TOPK_H
#define VARVE_BASE_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct topk_entry {
    double key;
    uint64_t
        slot; /* whatever the caller wants back; compared only when keys are equal, smaller first */
} topk_entry;

typedef struct topk {
    topk_entry *entries;
    size_t k, count;
} topk;

void topk_init(topk *t, topk_entry *entries, size_t k);
void topk_push_slow(topk *t, double key, uint64_t slot);
/* Worst key that is still in, or +infinity while there is room. */
double topk_bound(const topk *t);
static inline void topk_push(topk *t, double key, uint64_t slot)
{
    if (t->count < t->k || !(key > t->entries[0].key)) topk_push_slow(t, key, slot);
}
void topk_sort(topk *t); /* ascending; no push afterwards */

#endif
