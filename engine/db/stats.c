/* stats.c — numbers about a folder, from counters in memory: never a walk over files. */
#include "db/db.h"

#include <stdlib.h>

static void add_collections(varve *db, varve_folder_stats *s)
{
    varve_collection **all = NULL;
    size_t count = 0;
    if (catalog_all(db, &all, &count, NULL) != VARVE_OK) return;
    for (size_t i = 0; i < count; i++) {
        bool inner = all[i]->inner; /* only its memory counts */
        s->collections += !inner;
        if (atomic_load(&all[i]->loaded)) {
            view *v = collection_view(all[i]);
            s->collections_open += !inner;
            s->rows_live += inner ? 0 : v->rows_live;
            s->rows_deleted += inner ? 0 : v->rows_deleted;
            for (size_t k = 0; k < v->source_count; k++) {
                if (v->sources[k].mem) s->memory_bytes += memtable_bytes(v->sources[k].mem);
            }
            view_unref(v);
        }
        varve_collection_release(all[i]);
    }
    free(all);
}

static void add_filters(const varve *db, varve_folder_stats *s)
{
    if (!db->filters) return;
    filter_cache_stats filters = filter_cache_get_stats(db->filters);
    s->filter_cache_hits = filters.hits;
    s->filter_cache_misses = filters.misses;
    s->filter_cache_bytes = filters.bytes;
    s->memory_bytes += filters.bytes;
}

void varve_stats(varve *db, varve_folder_stats *ret_stats)
{
    varve_folder_stats s = {0};
    pthread_rwlock_rdlock(&db->catalog_lock);
    s.databases = db->databases.count;
    pthread_rwlock_unlock(&db->catalog_lock);
    add_collections(db, &s);
    s.segments = atomic_load(&db->segments);
    s.segment_bytes = atomic_load(&db->segment_bytes);
    s.log_bytes = store_log_bytes(db->store);
    s.row_store_bytes = store_property(db->store, "rocksdb.total-sst-files-size");
    s.disk_bytes =
        s.segment_bytes + atomic_load(&db->index_bytes) + s.log_bytes + s.row_store_bytes;
    s.disk_free_bytes = atomic_load(&db->disk_free);
    s.memory_bytes += store_memory_bytes(db->store);
    s.sequence = store_sequence(db->store);
    s.floor = db->floor ? floor_sequence(db->floor) : db->floor_found;
    s.batches = atomic_load(&db->batches);
    s.batch_groups = atomic_load(&db->batch_groups);
    s.seals = atomic_load(&db->seals);
    s.searches = atomic_load(&db->searches);
    s.rows_written = atomic_load(&db->rows_written);
    add_filters(db, &s);
    s.writable = !db->options.read_only && !atomic_load(&db->broken) && !atomic_load(&db->gone) &&
                 !atomic_load(&db->low_space);
    if (db->options.read_only) {
        snprintf(s.why_not_writable, sizeof s.why_not_writable, "open for reading only");
    } else if (!s.writable) {
        pthread_mutex_lock(&db->why_lock);
        snprintf(s.why_not_writable, sizeof s.why_not_writable, "%s", db->why);
        pthread_mutex_unlock(&db->why_lock);
    }
    *ret_stats = s;
}
