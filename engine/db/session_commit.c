/* session_commit.c — the commit of a session that was spilled; the order of its steps is in
 * session.h. */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/file.h"
#include "db/catalog.h"
#include "db/compaction.h"
#include "db/field_rows.h"
#include "db/indexes.h"
#include "db/session.h"

#include <stdlib.h>

typedef struct session_commit {
    varve_session *s;
    row_source *opened;
    session_merged merged;
    commit_part *part;  /* of the collection */
    commit_part *parts; /* of it and of its vector fields */
    buffer intent;
} session_commit;

static varve_status open_segments(session_commit *k, varve_error *err)
{
    varve_session *s = k->s;
    k->opened = calloc(s->segment_count, sizeof *k->opened);
    if (!k->opened) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    for (size_t i = 0; i < s->segment_count; i++) {
        char path[DB_PATH_MAX];
        const segment_record *r = &s->segments[i].record;
        row_source *o = &k->opened[i];
        segment_spec spec = collection_segment_spec(s->c, r->number, (uint32_t)s->dim);
        *o =
            (row_source){.rows = r->rows, .rowver_min = r->rowver_min, .rowver_max = r->rowver_max};
        VV_TRY(segment_file(s->c->db, s->c->id, r->number, ".seg", path, err));
        VV_TRY(segment_open(path, &spec, r, &o->seg, err));
        if (s->segments[i].has_index) VV_TRY(index_open_built(s->c, &s->segments[i].index, o, err));
    }
    return VARVE_OK;
}

/* The mode may have changed since the indexes were built. */
static void leave_indexes(session_commit *k)
{
    index_wants w;
    vector_field f = k->part->field;
    f.dim = (uint32_t)k->s->dim;
    index_wants_of(&f, &w);
    for (size_t i = 0; i < k->s->segment_count; i++) {
        session_segment *s = &k->s->segments[i];
        if (!s->has_index || index_serves(&w, s->index.kind, s->index.spec_hash)) continue;
        index_doom(k->opened[i].index);
        index_unref(k->opened[i].index);
        k->opened[i].index = NULL;
        s->has_index = false;
    }
}

static varve_status check_limits(const session_commit *k, varve_error *err)
{
    const varve_session *s = k->s;
    const varve_options *o = &s->c->db->options;
    const commit_part *p = k->part;
    unsigned long long rows = p->rows + k->merged.rows_new;
    size_t row_bytes = varve_dtype_row_bytes(p->field.dtype, s->dim);
    if (p->field.dim && p->field.dim != s->dim)
        return vv_fail(err, VARVE_INVALID, "Dimension mismatch: expected %u, got %zu", p->field.dim,
                       s->dim);
    if (p->field.metric == VARVE_METRIC_HAVERSINE && s->dim != 2)
        return vv_fail(err, VARVE_INVALID, "haversine requires dimension 2, got %zu", s->dim);
    VV_TRY(index_dim_buildable(&p->field, s->dim, err));
    if (o->max_collection_vectors && rows > o->max_collection_vectors)
        return vv_fail(err, VARVE_LIMIT,
                       "collection vector count %llu would exceed max_collection_vectors %llu",
                       rows, (unsigned long long)o->max_collection_vectors);
    return check_vector_bytes(k->part, rows, row_bytes, 0, err);
}

static int by_rowver(const void *left, const void *right)
{
    const row_source *a = left, *b = right;
    return a->rowver_min < b->rowver_min ? -1 : a->rowver_min > b->rowver_min;
}

/* The session's segments take their places among the sources; the active memtable stays the last
 * one. */
static varve_status add_sources(session_commit *k, varve_error *err)
{
    commit_part *p = k->part;
    size_t count = p->source_count, more = k->s->segment_count;
    row_source *sources = realloc(p->sources, (count + more + 1) * sizeof *sources);
    if (!sources) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    p->sources = sources;
    row_source active = {0};
    bool has_active = p->c->active != NULL;
    if (has_active) active = sources[--count];
    for (size_t i = 0; i < more; i++)
        sources[count++] = k->opened[i];
    qsort(sources, count, sizeof *sources, by_rowver);
    if (has_active) sources[count++] = active;
    p->source_count = count;
    return VARVE_OK;
}

static varve_status hide_dead(session_commit *k, varve_error *err)
{
    for (size_t i = 0; i < k->merged.dead_count; i++) {
        row_place place;
        VV_TRY(part_place(k->part, k->merged.dead[i], &place, err));
        VV_TRY(part_change(k->part, place, true, false, err));
    }
    return VARVE_OK;
}

/* Everything that can fail, up to and with the commit point. */
static varve_status prepare_locked(session_commit *k, varve_error *err)
{
    varve_session *s = k->s;
    varve_collection *c = s->c;
    VV_TRY(db_check_writable(c->db, true, err));
    if (c->commits !=
        k->merged
            .commits) { /* somebody wrote to the collection since: look again, undisturbed now */
        session_merged_done(&k->merged);
        VV_TRY(session_merge(s, c->commits, &k->merged, err));
    }
    commit_part *p = NULL;
    VV_TRY(part_find(&k->parts, c, false, &p, err));
    k->part = p;
    VV_TRY(check_limits(k, err));
    leave_indexes(k);
    VV_TRY(add_sources(k, err));
    VV_TRY(hide_dead(k, err));
    if (s->reserved_end && p->counters.next_auto_id == s->reserved_end)
        p->counters.next_auto_id = s->next_auto_id;
    if (s->next_auto_id > p->counters.next_auto_id) p->counters.next_auto_id = s->next_auto_id;
    return VARVE_OK;
}

static varve_status write_intent(session_commit *k, varve_error *err)
{
    varve_collection *c = k->s->c;
    uint8_t key[SESSION_KEY_BYTES];
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a session");
    commit_part *p = k->part;
    if (p->field.dim == 0) {
        p->field.dim = (uint32_t)k->s->dim;
        VV_TRY(catalog_put_field(c->db, batch, c, &p->field, err));
        p->field_changed = true;
    }
    if (k->merged.moved.count)
        VV_TRY(cascade_follow(p, batch, &k->merged.moved, k->merged.moved_ordinals, err));
    p->touched = true;
    VV_TRY(parts_finish(c->db, k->parts, batch, err));
    VV_TRY(session_intent_encode(k->s, k->merged.dead_count > 0, &p->counters, &k->intent, err));
    session_key(k->s->number, key);
    store_batch_put(batch, c->db->store, STORE_META, key, sizeof key, k->intent.data,
                    k->intent.len);
    k->s->unsure = true;
    return catalog_write(c->db, batch, err);
}

static void publish(session_commit *k)
{
    varve_collection *c = k->s->c;
    parts_publish(c->db, k->parts);
    collection_unreserve(c, k->s);
}

/* Past the commit point: an error ends writing until the folder is reopened, and that completes
 * the session. Reads go on, and see what the row records say: all of the session once they are in,
 * nothing of it before. */
static varve_status complete_locked(session_commit *k, varve_error *err)
{
    varve_collection *c = k->s->c;
    bool rows_in = false;
    k->s->committed = true;
    if (VV_FAULT("session.committed") != VV_FAULT_NONE)
        return db_note_failure(c->db, vv_fail(err, VARVE_IO, "a fault after the commit point"),
                               err);
    varve_status status =
        session_complete(c->db, k->s->number, k->intent.data, k->intent.len, &rows_in, err);
    if (status != VARVE_OK) {
        status = db_note_failure(c->db, status, err);
        db_break(c->db, err);
    }
    if (rows_in) publish(k);
    return status;
}

/* Vectors staged in vain: as after any write that failed. The collection's own part stages nothing
 * in memory. */
static void give_up_fields(session_commit *k)
{
    if (k->part) k->part->is_published = true;
    parts_give_up(k->parts);
}

static varve_status commit_locked(session_commit *k, varve_error *err)
{
    VV_TRY(prepare_locked(k, err));
    VV_TRY(write_intent(k, err));
    return complete_locked(k, err);
}

static void count_commit(const session_commit *k, varve_receipt *ret)
{
    varve *db = k->s->c->db;
    atomic_fetch_add(&db->batches, 1);
    atomic_fetch_add(&db->rows_written, k->s->rows);
    *ret = (varve_receipt){.first_id = k->s->first_automatic,
                           .rows_new = k->merged.rows_new,
                           .rows_changed = k->merged.rows_replaced,
                           .sequence = store_sequence(db->store)};
}

static void remove_desk(const varve_session *s)
{
    char path[DB_PATH_MAX];
    varve_error ignored;
    varve_status status = VARVE_OK;
    if (session_desk(s->c->db, s->number, "", path, &ignored) == VARVE_OK)
        status = file_remove_tree(path, &ignored);
    (void)status; /* what stays, the sweep removes */
}

varve_status session_commit_spilled(varve_session *s, varve_receipt *ret, varve_error *err)
{
    session_commit k = {.s = s};
    varve *db = s->c->db;
    buffer_init(&k.intent, SIZE_MAX / 2, "session record");
    varve_status status = session_roll(s, err);
    if (status == VARVE_OK) status = open_segments(&k, err);
    if (status == VARVE_OK) {
        pthread_mutex_lock(&db->writer_lock);
        uint64_t commits = s->c->commits;
        pthread_mutex_unlock(&db->writer_lock);
        status = session_merge(s, commits, &k.merged, err);
    }
    if (status == VARVE_OK) {
        pthread_mutex_lock(&db->writer_lock);
        status = commit_locked(&k, err);
        give_up_fields(&k);
        pthread_mutex_unlock(&db->writer_lock);
    }
    if (status == VARVE_OK) {
        count_commit(&k, ret);
        compaction_wake(db);
        remove_desk(s);
    }
    parts_free(&k.parts);
    for (size_t i = 0; k.opened && i < s->segment_count; i++) {
        index_unref(k.opened[i].index);
        segment_unref(k.opened[i].seg);
    }
    free(k.opened);
    session_merged_done(&k.merged);
    buffer_done(&k.intent);
    return status;
}
