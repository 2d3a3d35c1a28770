/* filter_cache.c — see filter_cache.h: a table of entries by key, all in one list from the latest
 * used to the least lately used, and beside it a table of hashes of what was asked for but is not
 * kept, in which newer ones overwrite older ones. */
#include "filter/filter_cache.h"

#include "base/hash.h"
#include "base/hashmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_COUNT 4096

typedef struct entry {
    struct entry *newer, *older;
    tombstones *misses;
    uint64_t bytes;
    size_t key_len;
    char key[];
} entry;

struct filter_cache {
    uint64_t bytes_max;
    pthread_mutex_t lock; /* guards: */
    hashmap entries;
    entry *newest, *oldest;
    uint64_t bytes, hits, misses;
    uint64_t asked[ASKED_COUNT]; /* by their last bits; 0: none */
};

varve_status filter_cache_new(uint64_t bytes_max, filter_cache **ret, varve_error *err)
{
    filter_cache *c = calloc(1, sizeof *c);
    if (!c) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a cache of filters");
    c->bytes_max = bytes_max;
    pthread_mutex_init(&c->lock, NULL);
    hashmap_init(&c->entries);
    *ret = c;
    return VARVE_OK;
}

static void entry_free(entry *e)
{
    tombstones_unref(e->misses);
    free(e);
}

void filter_cache_free(filter_cache *c)
{
    if (!c) return;
    for (entry *e = c->newest, *older; e; e = older) {
        older = e->older;
        entry_free(e);
    }
    hashmap_done(&c->entries);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void take_out_locked(filter_cache *c, entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void put_first_locked(filter_cache *c, entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop_locked(filter_cache *c, entry *e)
{
    take_out_locked(c, e);
    hashmap_remove(&c->entries, e->key, e->key_len);
    c->bytes -= e->bytes;
    entry_free(e);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool asked_before_locked(filter_cache *c, uint64_t hash)
{
    uint64_t *at = &c->asked[hash % ASKED_COUNT];
    bool before = *at == hash && hash != 0;
    *at = hash;
    return before;
}

filter_cache_answer filter_cache_get(filter_cache *c, const void *key, size_t key_len,
                                     tombstones **ret)
{
    filter_cache_answer answer = FILTER_CACHE_FOUND;
    uint64_t hash = hash_bytes(key, key_len);
    pthread_mutex_lock(&c->lock);
    entry *e = hashmap_get(&c->entries, key, key_len);
    if (e) {
        take_out_locked(c, e);
        put_first_locked(c, e);
        *ret = tombstones_ref(e->misses);
        c->hits++;
    } else {
        c->misses++;
        answer = asked_before_locked(c, hash) ? FILTER_CACHE_WANTED : FILTER_CACHE_NEW;
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static entry *entry_new(const void *key, size_t key_len, tombstones *misses)
{
    entry *e = malloc(sizeof *e + key_len);
    if (!e) return NULL;
    *e = (entry){.misses = tombstones_ref(misses), .key_len = key_len};
    /* Twice the key: the table has a copy. */
    e->bytes = sizeof *e + 2 * key_len + sizeof(hashmap_slot) + tombstones_bytes(misses);
    memcpy(e->key, key, key_len);
    return e;
}

/* false: it is there already, as another search was faster, or there is no memory. */
static bool keep_locked(filter_cache *c, entry *e)
{
    if (hashmap_get(&c->entries, e->key, e->key_len)) return false;
    if (!hashmap_put(&c->entries, e->key, e->key_len, e)) return false;
    put_first_locked(c, e);
    c->bytes += e->bytes;
    while (c->bytes > c->bytes_max)
        drop_locked(c, c->oldest);
    return true;
}

void filter_cache_put(filter_cache *c, const void *key, size_t key_len, tombstones *misses)
{
    entry *e = entry_new(key, key_len, misses);
    if (!e) return;
    pthread_mutex_lock(&c->lock);
    bool kept = e->bytes <= c->bytes_max && keep_locked(c, e);
    pthread_mutex_unlock(&c->lock);
    if (!kept) entry_free(e);
}

filter_cache_stats filter_cache_get_stats(filter_cache *c)
{
    pthread_mutex_lock(&c->lock);
    filter_cache_stats s = {c->hits, c->misses, c->bytes, c->entries.count};
    pthread_mutex_unlock(&c->lock);
    return s;
}
