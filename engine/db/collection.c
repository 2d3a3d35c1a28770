/* collection.c — the life of a collection in memory: entry, reference, published view, active
 * memtable. */
#include "db/children.h"
#include "db/compaction.h"
#include "db/indexes.h"

#include <stdlib.h>

varve_status collection_new(varve *db, const char *database, const char *name,
                            collection_schema *take_schema, varve_collection **ret,
                            varve_error *err)
{
    varve_collection *c = calloc(1, sizeof *c);
    char *database_copy = strdup(database), *name_copy = strdup(name);
    if (!c || !database_copy || !name_copy) {
        free(c);
        free(database_copy);
        free(name_copy);
        schema_done(take_schema);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", name);
    }
    c->db = db;
    c->id = take_schema->id;
    c->database = database_copy;
    c->name = name_copy;
    c->inner = strchr(name, '/') != NULL;
    c->schema = *take_schema;
    *take_schema = (collection_schema){0};
    atomic_init(&c->references, 1);
    pthread_mutex_init(&c->load_lock, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->seal_lock, NULL);
    *ret = c;
    return VARVE_OK;
}

varve_collection *collection_ref(varve_collection *c)
{
    atomic_fetch_add(&c->references, 1);
    return c;
}

void varve_collection_release(varve_collection *c)
{
    if (!c || atomic_fetch_sub(&c->references, 1) != 1) return;
    view_unref(c->view);
    memtable_unref(c->active);
    for (size_t i = 0; i < c->child_count; i++)
        varve_collection_release(c->children[i]);
    free(c->children);
    schema_done(&c->schema);
    free(c->reserved);
    pthread_mutex_destroy(&c->load_lock);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->seal_lock);
    free(c->database);
    free(c->name);
    free(c);
}

view *collection_view(varve_collection *c)
{
    /* The lock covers the load of the pointer and the count: some nanoseconds, no I/O, so that the
     * view cannot vanish between. */
    pthread_mutex_lock(&c->lock);
    view *v = view_ref(c->view);
    pthread_mutex_unlock(&c->lock);
    return v;
}

vector_field collection_field(varve_collection *c)
{
    pthread_mutex_lock(&c->lock);
    vector_field f = c->schema.fields[0];
    pthread_mutex_unlock(&c->lock);
    return f;
}

void collection_note_field(varve_collection *c)
{
    index_wants w;
    index_wants_of(&c->schema.fields[0], &w);
    const varve_options *o = &c->db->options;
    uint64_t fit = index_rows_that_fit(&w.full_spec, o->compact_memory_max);
    atomic_store(&c->builds_full, w.full && fit / 2 >= o->index_rows_min);
}

/* Rows that wait for the index that the mode is about: in frozen memtables, and in segments without
 * it. None, when waiting is in vain. */
static uint64_t backlog_of(const varve_collection *c, const view *v)
{
    uint64_t rows = 0;
    if (!atomic_load(&c->builds_full) || atomic_load(&c->stuck)) return 0;
    for (size_t i = 0; i < v->source_count; i++) {
        const row_source *s = &v->sources[i];
        bool indexed = s->index && index_get_record(s->index)->kind == INDEX_KIND_FULL;
        bool small = s->seg && s->rows < c->db->options.index_rows_min;
        bool active = s->mem && s->mem == c->active;
        if (!indexed && !small && !active) rows += s->rows;
    }
    return rows;
}

void collection_count_backlog(varve_collection *c, uint64_t rows)
{
    uint64_t before = atomic_exchange(&c->backlog_rows, rows);
    atomic_fetch_add(&c->db->backlog_rows, rows - before);
}

void collection_count_disk_use(varve *db, const view *before, const view *after)
{
    static const view nothing = {0};
    if (!after) after = &nothing;
    atomic_fetch_add(&db->segments, after->segments - before->segments);
    atomic_fetch_add(&db->segment_bytes, after->segment_bytes - before->segment_bytes);
    atomic_fetch_add(&db->index_bytes, after->index_bytes - before->index_bytes);
}

view *collection_swap_view(varve_collection *c, view *next)
{
    pthread_mutex_lock(&c->lock);
    view *before = c->view;
    c->view = next;
    c->max_ordinal = (int64_t)c->counters.next_ordinal - 1;
    pthread_mutex_unlock(&c->lock);
    return before;
}

void collection_swapped(varve_collection *c, view *before)
{
    const view *next = c->view;
    atomic_fetch_add(&c->published, 1);
    collection_count_backlog(c, backlog_of(c, next));
    if (before)
        collection_count_disk_use(c->db, before, next); /* the catalogue counted the first one */
    if (next->index_bytes && (!before || before->index_bytes != next->index_bytes))
        index_loader_wake(c->db);
    view_unref(before);
}

void collection_publish(varve_collection *c, view *next)
{
    pthread_mutex_lock(&c->db->publish_lock);
    view *before = collection_swap_view(c, next);
    pthread_mutex_unlock(&c->db->publish_lock);
    collection_swapped(c, before);
}

void collection_freeze(varve_collection *c)
{
    if (!c->active) return;
    size_t sources = c->view->source_count;
    bool published = sources && c->view->sources[sources - 1].mem == c->active;
    if (published) atomic_fetch_add(&c->frozen_bytes, memtable_bytes(c->active));
    memtable_unref(c->active); /* the view keeps it, if any of its rows was ever published */
    c->active = NULL;
    atomic_store(&c->active_rows, 0);
}

/* ---- what users may ask and change */

varve_status collection_swap_schema(varve_collection *c, store_batch *batch,
                                    collection_schema *next, varve_error *err)
{
    VV_TRY(catalog_put_schema(c->db, batch, c, next, err));
    VV_TRY(catalog_write(c->db, batch, err));
    pthread_mutex_lock(&c->lock);
    collection_schema before = c->schema;
    c->schema = *next;
    pthread_mutex_unlock(&c->lock);
    *next = before;
    collection_note_field(c);
    return VARVE_OK;
}

varve_status collection_alive(const varve_collection *c, varve_error *err)
{
    if (atomic_load(&c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    return VARVE_OK;
}

static varve_status describe_locked(varve_collection *c, const char *description, varve_error *err)
{
    VV_CLEANUP(schema_done) collection_schema next = {0};
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for collection %s", c->name);
    VV_TRY(collection_alive(c, err));
    VV_TRY(schema_copy(&c->schema, &next, err));
    VV_TRY(schema_set_description(&next, description, c->db->options.description_bytes_max, err));
    return collection_swap_schema(c, batch, &next, err);
}

varve_status varve_collection_describe(varve_collection *c, const char *description,
                                       varve_error *err)
{
    VV_TRY(db_check_writable(c->db, false, err));
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = describe_locked(c, description, err);
    pthread_mutex_unlock(&c->db->writer_lock);
    return status;
}

varve_status varve_collection_get_description(varve_collection *c, char *ret_text, size_t size,
                                              varve_error *err)
{
    VV_TRY(collection_alive(c, err));
    pthread_mutex_lock(&c->lock);
    snprintf(ret_text, size, "%s", c->schema.description ? c->schema.description : "");
    pthread_mutex_unlock(&c->lock);
    return VARVE_OK;
}

varve_status varve_collection_get_path(varve_collection *c, char *ret_path, size_t size,
                                       varve_error *err)
{
    char path[DB_PATH_MAX];
    VV_TRY(collection_dir(c->db, c->id, path, err));
    if (strlen(path) >= size)
        return vv_fail(err, VARVE_LIMIT, "the path needs %zu bytes", strlen(path) + 1);
    memcpy(ret_path, path, strlen(path) + 1);
    return VARVE_OK;
}

/* What also the vectors of named fields take. */
static void add_disk_use(varve_collection_stats *s, const view *v)
{
    s->segments += v->segments;
    s->segment_bytes += v->segment_bytes;
    s->index_bytes += v->index_bytes;
    for (size_t i = 0; i < v->source_count; i++) {
        if (v->sources[i].mem) s->memory_bytes += memtable_bytes(v->sources[i].mem);
    }
}

static void add_source(varve_collection_stats *s, const row_source *source, const index_wants *w)
{
    s->rows_hidden += tombstones_count(source->hidden);
    if (source->mem) {
        s->rows_in_memory += source->rows;
        return;
    }
    const index_spec *wanted = index_wanted(w);
    const index_record *x = source->index ? index_get_record(source->index) : NULL;
    if (x && wanted && x->kind == wanted->kind && index_serves(w, x->kind, x->spec_hash))
        s->rows_indexed += source->rows;
}

varve_status varve_collection_get_stats(varve_collection *c, varve_collection_stats *ret_stats,
                                        varve_error *err)
{
    VV_TRY(collection_ready(c, err));
    varve_collection_stats s = {.id = c->id};
    VV_CLEANUP(child_list_done) child_list children = {0};
    VV_TRY(children_take(c, &children, err));
    index_wants w;
    snprintf(s.database, sizeof s.database, "%s", c->database);
    snprintf(s.name, sizeof s.name, "%s", c->name);
    pthread_mutex_lock(&c->lock);
    view *v = view_ref(c->view);
    const vector_field *f = &c->schema.fields[0];
    s.dim = f->dim;
    s.dtype = f->dtype;
    s.metric = f->metric;
    snprintf(s.index_mode, sizeof s.index_mode, "%s", f->index_mode);
    s.max_ordinal = c->max_ordinal;
    s.text_stem = c->schema.text_stem;
    s.text_stop_words = c->schema.text_stop_words;
    s.text_fold_accents = c->schema.text_fold_accents;
    snprintf(s.text_language, sizeof s.text_language, "%s", c->schema.text_language);
    index_wants_of(f, &w);
    pthread_mutex_unlock(&c->lock);
    s.rows_live = v->rows_live;
    s.rows_deleted = v->rows_deleted;
    add_disk_use(&s, v);
    for (size_t i = 0; i < v->source_count; i++)
        add_source(&s, &v->sources[i], &w);
    view_unref(v);
    for (size_t i = 0; i < children.count; i++) {
        VV_CLEANUP(view_unrefp) view *child = collection_view(children.all[i]);
        add_disk_use(&s, child);
    }
    *ret_stats = s;
    return VARVE_OK;
}
