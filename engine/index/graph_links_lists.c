/* graph_links_lists.c — see graph_links_lists.h. */
#include "index/graph_links_lists.h"

#include "index/graph_memory.h"

#include <stdlib.h>
#include <string.h>

varve_status graph_lists_init(graph_lists *l, uint32_t count, uint32_t room, varve_error *err)
{
    size_t n = (size_t)count * room;
    *l = (graph_lists){.count = count, .room = room};
    for (size_t i = 0; i < GRAPH_LIST_LOCKS; i++)
        pthread_mutex_init(&l->locks[i], NULL);
    l->entries = graph_memory(n * sizeof *l->entries);
    if (!l->entries)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for the candidates of %u points", count);
    memset(l->entries, 0xff, n * sizeof *l->entries);
    return VARVE_OK;
}

void graph_lists_done(graph_lists *l)
{
    for (size_t i = 0; l->room && i < GRAPH_LIST_LOCKS; i++)
        pthread_mutex_destroy(&l->locks[i]);
    free(l->entries);
    *l = (graph_lists){0};
}

static uint64_t *last_of(const graph_lists *l, uint32_t point)
{
    return l->entries + ((size_t)point + 1) * l->room - 1;
}

/* The last entry is read without the lock: an old value is a larger one. One of its key stays if
 * its point is smaller, so that the bound lies above that key. */
uint32_t graph_lists_bound(const graph_lists *l, uint32_t point)
{
    uint32_t key = graph_entry_key(__atomic_load_n(last_of(l, point), __ATOMIC_RELAXED));
    return key < UINT32_MAX ? key + 1 : key;
}

/* Both ascending; the smallest `room`, each once. */
static void merge(const uint64_t *a, const uint64_t *found, size_t n, size_t room, uint64_t *ret)
{
    size_t i = 0, j = 0;
    for (size_t k = 0; k < room; k++) {
        uint64_t x = a[i], y = j < n ? found[j] : GRAPH_ENTRY_NONE;
        ret[k] = x < y ? x : y;
        i += x <= y;
        j += y <= x;
    }
}

void graph_lists_merge(graph_lists *l, uint32_t point, const uint64_t *found, size_t n)
{
    uint64_t *list = l->entries + (size_t)point * l->room, *last = last_of(l, point);
    uint64_t merged[GRAPH_LIST_MAX];
    pthread_mutex_t *lock = &l->locks[point % GRAPH_LIST_LOCKS];
    pthread_mutex_lock(lock);
    if (n > 0 && found[0] < *last) {
        merge(list, found, n, l->room, merged);
        memcpy(list, merged, (l->room - 1) * sizeof *list);
        __atomic_store_n(last, merged[l->room - 1], __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(lock);
}

const uint64_t *graph_lists_get(const graph_lists *l, uint32_t point, size_t *ret_count)
{
    const uint64_t *list = l->entries + (size_t)point * l->room;
    size_t n = 0;
    while (n < l->room && list[n] != GRAPH_ENTRY_NONE)
        n++;
    *ret_count = n;
    return list;
}

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum { SHELL_MAX = 512 }; /* beyond it the library's sort is faster */

void graph_sort(uint64_t *entries, size_t n)
{
    static const size_t gaps[] = {132, 57, 23, 10, 4, 1};
    if (n > SHELL_MAX) {
        qsort(entries, n, sizeof *entries, compare_entries);
        return;
    }
    for (size_t g = 0; g < VV_COUNT(gaps); g++) {
        for (size_t i = gaps[g]; i < n; i++) {
            uint64_t x = entries[i];
            size_t j = i;
            for (; j >= gaps[g] && x < entries[j - gaps[g]]; j -= gaps[g])
                entries[j] = entries[j - gaps[g]];
            entries[j] = x;
        }
    }
}

size_t graph_unique(uint64_t *entries, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || entries[i] != entries[kept - 1]) entries[kept++] = entries[i];
    }
    return kept;
}

/* A bound below which there are at least k keys, and not many more unless they are equal. */
static uint32_t narrow(const graph_pairs *pairs, const uint32_t *keys, size_t groups, size_t k,
                       uint32_t bound)
{
    uint32_t low = 0, high = bound; /* fewer than k below low, at least k below high */
    for (size_t i = 0; i < GRAPH_PAIRS_GROUP; i++) {
        if (keys[i] < high && pairs->count(keys, groups, keys[i]) >= k) high = keys[i];
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        size_t n = pairs->count(keys, groups, middle);
        if (n >= k)
            high = middle;
        else
            low = middle;
        if (n >= k && n <= k + k / 2) break;
    }
    return high;
}

enum { RANKED_MAX = 256 }; /* beyond it sorting is faster */

/* Sorts by counting for each key those below it: vectors compare faster than branches. */
static void put_ranked(const graph_pairs *pairs, const uint32_t *keys, const uint32_t *positions,
                       size_t n, size_t k, uint64_t *ret)
{
    uint32_t found[RANKED_MAX + GRAPH_PAIRS_GROUP];
    size_t groups = (n + GRAPH_PAIRS_GROUP - 1) / GRAPH_PAIRS_GROUP;
    for (size_t i = 0; i < n; i++) {
        found[i] = keys[positions[i]];
        ret[i] = GRAPH_ENTRY_NONE;
    }
    for (size_t i = n; i < groups * GRAPH_PAIRS_GROUP; i++)
        found[i] = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t rank = pairs->count(found, groups, found[i]);
        while (rank < k && ret[rank] != GRAPH_ENTRY_NONE)
            rank++; /* equal keys, at earlier positions */
        if (rank < k) ret[rank] = graph_entry(found[i], positions[i]);
    }
}

size_t graph_nearest(const graph_pairs *pairs, const uint32_t *keys, size_t padded, size_t k,
                     uint32_t bound, uint32_t *positions, uint64_t *ret)
{
    size_t groups = padded / GRAPH_PAIRS_GROUP, n = pairs->count(keys, groups, bound);
    if (n > k + k / 2) bound = narrow(pairs, keys, groups, k, bound);
    n = pairs->below(keys, groups, bound, positions);
    if (n <= RANKED_MAX) {
        put_ranked(pairs, keys, positions, n, VV_MIN(n, k), ret);
        return VV_MIN(n, k);
    }
    /* Still many: most are equal, and of those the first suffice. */
    size_t ties = n > k + k / 2 ? k - pairs->count(keys, groups, bound - 1) : n, kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t key = keys[positions[i]];
        bool tie = key == bound - 1;
        if (tie && ties == 0) continue;
        ties -= tie;
        ret[kept++] = graph_entry(key, positions[i]);
    }
    graph_sort(ret, kept);
    return VV_MIN(kept, k);
}
