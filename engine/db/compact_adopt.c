/* compact_adopt.c — outputs of a job become part of the collection, or nothing changes.
 *
 *   verify on the desk -> move into segments/ -> open -> first tombstones, from the newest view
 *   -> writer_lock: tombstones born since, one WriteBatch {inputs out, outputs in} -> view
 *   -> inputs doomed, unlinked when the last view that has them goes
 *
 * What was hidden when the job was pinned and could still come back (deleted rows), and what was
 * hidden since, is carried over to the outputs; the bulk of it without the lock, under it only the
 * difference between two states of each set. seal_lock keeps a drop of the collection away
 * meanwhile. */
#include "db/compaction_inner.h"
#include "db/dropped.h"
#include "db/session.h"

#include <errno.h>

/* More tombstones to keep than this, and those that are over are removed one by one, afterwards. */
#define DEAD_RANGES_MAX 1024
#define DEAD_CHUNK      4096

typedef struct slot_list {
    uint64_t *slots;
    size_t count, capacity;
} slot_list;

typedef struct adoption {
    compact_job *j;
    const job_result *r;
    row_source outputs[JOB_OUTPUTS_MAX]; /* INDEX: the input with its new index, which we own */
    uint32_t count;
    slot_list add[JOB_OUTPUTS_MAX], remove[JOB_OUTPUTS_MAX]; /* changes of one set at a time */
    view *seen;  /* the state that the outputs' sets are of */
    size_t at;   /* the first input in the view looked at last */
    bool ranges; /* tombstones that are over went with the batch */
    bool moved, unsure;
    store_batch *batch;
    view *next;
} adoption;

static bool is_merge(const adoption *a) { return a->j->order.kind == JOB_MERGE; }
static segment *input(const adoption *a, size_t i)
{
    return a->j->pin->sources[a->j->first + i].seg;
}

/* ---- files */

static varve_status paths_of(const adoption *a, const char *name, char ret_from[DB_PATH_MAX],
                             char ret_to[DB_PATH_MAX], varve_error *err)
{
    char directory[DB_PATH_MAX];
    VV_TRY(collection_dir(a->j->c->db, a->j->c->id, directory, err));
    VV_TRY(file_join(ret_from, DB_PATH_MAX, a->j->desk, name, err));
    return file_join(ret_to, DB_PATH_MAX, directory, name, err);
}

static varve_status move_file(const adoption *a, const char *name, varve_error *err)
{
    char from[DB_PATH_MAX], to[DB_PATH_MAX];
    VV_TRY(compact_point("compact.moving", err));
    VV_TRY(paths_of(a, name, from, to, err));
    if (rename(from, to) != 0)
        return vv_fail(err, VARVE_IO, "cannot move %s to %s: %s", from, to, strerror(errno));
    return VARVE_OK;
}

/* Of the segment and of its index; "" for what there is not. */
static void names_of(const adoption *a, uint32_t i, char ret[2][JOB_NAME_MAX])
{
    const job_output *o = &a->r->outputs[i];
    ret[0][0] = ret[1][0] = 0;
    if (is_merge(a)) job_segment_name(o->segment.number, ret[0]);
    if (o->has_index)
        job_index_name(o->segment.number, a->j->order.field, o->index.generation, ret[1]);
}

static varve_status move_files(adoption *a, varve_error *err)
{
    char directory[DB_PATH_MAX], names[2][JOB_NAME_MAX];
    VV_TRY(collection_dir(a->j->c->db, a->j->c->id, directory, err));
    a->moved = true;
    for (uint32_t i = 0; i < a->r->output_count; i++) {
        names_of(a, i, names);
        for (size_t n = 0; n < 2; n++)
            if (names[n][0]) VV_TRY(move_file(a, names[n], err));
    }
    VV_TRY(file_sync_dir(directory, err));
    return compact_point("compact.moved", err);
}

/* What was not adopted goes, unless nobody knows whether it was. */
static void remove_files(const adoption *a)
{
    char from[DB_PATH_MAX], to[DB_PATH_MAX], names[2][JOB_NAME_MAX];
    varve_error ignored;
    varve_status status = VARVE_OK;
    for (uint32_t i = 0; a->moved && !a->unsure && i < a->r->output_count; i++) {
        names_of(a, i, names);
        for (size_t n = 0; n < 2; n++) {
            if (names[n][0] && paths_of(a, names[n], from, to, &ignored) == VARVE_OK)
                status = file_unlink(to, &ignored);
        }
    }
    (void)status; /* what stays, the sweep removes */
}

static varve_status open_output(adoption *a, uint32_t i, varve_error *err)
{
    const job_output *out = &a->r->outputs[i];
    const segment_record *r = &out->segment;
    varve_collection *c = a->j->c;
    char path[DB_PATH_MAX];
    row_source *o = &a->outputs[i];
    if (is_merge(a)) {
        segment_spec spec = collection_segment_spec(c, r->number, a->j->order.dim);
        *o =
            (row_source){.rows = r->rows, .rowver_min = r->rowver_min, .rowver_max = r->rowver_max};
        VV_TRY(segment_file(c->db, c->id, r->number, ".seg", path, err));
        VV_TRY(segment_open(path, &spec, r, &o->seg, err));
    } else {
        o->seg = segment_ref(input(a, 0));
        o->rows = segment_get_record(o->seg)->rows;
    }
    return out->has_index ? index_open_built(c, &out->index, o, err) : VARVE_OK;
}

static varve_status open_outputs(adoption *a, varve_error *err)
{
    for (uint32_t i = 0; i < a->r->output_count; i++) {
        a->count = i + 1;
        VV_TRY(open_output(a, i, err));
    }
    return VARVE_OK;
}

/* ---- tombstones */

/* Where the inputs are in a view: as neighbours, in their order. */
static varve_status find_inputs(adoption *a, const view *v, varve_error *err)
{
    size_t at = 0;
    while (at < v->source_count && v->sources[at].seg != input(a, 0))
        at++;
    for (size_t i = 0; i < a->j->count; i++) {
        if (at + i >= v->source_count || v->sources[at + i].seg != input(a, i))
            return vv_fail(err, VARVE_CONFLICT, "the segments of the job have changed");
    }
    a->at = at;
    return VARVE_OK;
}

/* The slot of an output that has this slot of an input. */
static varve_status translate(const adoption *a, size_t in, uint64_t slot, uint32_t *ret_output,
                              uint64_t *ret_slot, varve_error *err)
{
    uint64_t rowver;
    uint32_t o = 0;
    bool found = false;
    VV_TRY(segment_rowver(input(a, in), slot, &rowver, err));
    while (o < a->count && a->outputs[o].rowver_max < rowver)
        o++;
    if (o < a->count) VV_TRY(segment_find(a->outputs[o].seg, rowver, &found, ret_slot, err));
    if (!found)
        return vv_fail(err, VARVE_CORRUPT, "row version %llu is in no output",
                       (unsigned long long)rowver);
    *ret_output = o;
    return VARVE_OK;
}

static tombstones *set_of(const row_source *s, bool deleted)
{
    return deleted ? s->deleted : s->hidden;
}

/* Bring one kind of set of the outputs from the state of `before` (NULL: empty) to that of `now`.
 * */
static varve_status carry_input(adoption *a, size_t in, const tombstones *before,
                                const tombstones *now, varve_error *err)
{
    uint64_t slot = 0, there;
    uint32_t o;
    for (; tombstones_next_difference(before, now, slot, &slot); slot++) {
        if (tombstones_has(a->j->drops[in], slot)) continue;
        VV_TRY(translate(a, in, slot, &o, &there, err));
        slot_list *l = tombstones_has(now, slot) ? &a->add[o] : &a->remove[o];
        VV_TRY(u64_list_add(&l->slots, &l->count, &l->capacity, there, err));
    }
    return VARVE_OK;
}

static varve_status change_output(adoption *a, uint32_t o, bool deleted, varve_error *err)
{
    slot_list *add = &a->add[o], *remove = &a->remove[o];
    tombstones **set = deleted ? &a->outputs[o].deleted : &a->outputs[o].hidden, *next = NULL;
    if (add->count + remove->count == 0) return VARVE_OK;
    VV_TRY(
        tombstones_change(*set, add->slots, add->count, remove->slots, remove->count, &next, err));
    tombstones_unref(*set);
    *set = next;
    add->count = remove->count = 0;
    return VARVE_OK;
}

static varve_status carry_sets(adoption *a, const row_source *before, const row_source *now,
                               bool deleted, varve_error *err)
{
    for (size_t i = 0; i < a->j->count; i++)
        VV_TRY(carry_input(a, i, before ? set_of(&before[i], deleted) : NULL,
                           set_of(&now[i], deleted), err));
    for (uint32_t o = 0; o < a->count; o++)
        VV_TRY(change_output(a, o, deleted, err));
    return VARVE_OK;
}

/* From the state that the outputs have to that of v. */
static varve_status carry(adoption *a, view *v, varve_error *err)
{
    const row_source *before = a->seen ? a->seen->sources + a->at : NULL;
    VV_TRY(find_inputs(a, v, err));
    const row_source *now = v->sources + a->at;
    VV_TRY(carry_sets(a, before, now, false, err));
    VV_TRY(carry_sets(a, before, now, true, err));
    view_unref(a->seen);
    a->seen = view_ref(v);
    return VARVE_OK;
}

/* ---- the batch */

static uint64_t tombstones_to_keep(const adoption *a)
{
    uint64_t n = 0;
    for (uint32_t o = 0; o < a->count; o++)
        n += tombstones_count(a->outputs[o].hidden);
    return n;
}

static void delete_dead(adoption *a, uint64_t from, uint64_t to) /* [from, to) */
{
    uint8_t low[ROWVER_KEY_BYTES], high[ROWVER_KEY_BYTES];
    if (from >= to) return;
    rowver_key_put(a->j->c->id, from, low);
    rowver_key_put(a->j->c->id, to, high);
    store_batch_delete_range(a->batch, a->j->c->db->store, STORE_DEAD, low, sizeof low, high,
                             sizeof high);
}

/* Tombstones of the inputs' range but those that the outputs have. */
static varve_status stage_dead(adoption *a, varve_error *err)
{
    uint64_t from = a->j->order.inputs[0].segment.rowver_min, rowver;
    a->ranges = tombstones_to_keep(a) <= DEAD_RANGES_MAX;
    for (uint32_t o = 0; a->ranges && o < a->count; o++) {
        uint64_t slot = 0;
        for (; tombstones_next(a->outputs[o].hidden, slot, &slot); slot++) {
            VV_TRY(segment_rowver(a->outputs[o].seg, slot, &rowver, err));
            delete_dead(a, from, rowver);
            from = rowver + 1;
        }
    }
    if (a->ranges) delete_dead(a, from, a->j->order.inputs[a->j->count - 1].segment.rowver_max + 1);
    return VARVE_OK;
}

static varve_status stage_output(adoption *a, uint32_t i, const index_wants *w, varve_error *err)
{
    varve_collection *c = a->j->c;
    row_source *o = &a->outputs[i];
    const segment_record *r = segment_get_record(o->seg);
    if (is_merge(a)) {
        uint8_t key[CATALOG_SEGMENT_KEY_BYTES], value[SEGMENT_RECORD_BYTES];
        catalog_segment_key(c->id, r->number, key);
        segment_record_put(r, value);
        store_batch_put(a->batch, c->db->store, STORE_CATALOG, key, sizeof key, value,
                        sizeof value);
    }
    const index_record *x = o->index ? index_get_record(o->index) : NULL;
    if (!x) return VARVE_OK;
    if (is_merge(a) ? index_usable(w, x) : index_serves(w, x->kind, x->spec_hash))
        return index_stage_put(c->db, a->batch, c->id, r->number, x, err);
    if (!is_merge(a)) return vv_fail(err, VARVE_CONFLICT, "the index mode has changed");
    index_doom(o->index); /* built for another mode; the segment is as good without it */
    index_unref(o->index);
    o->index = NULL;
    return VARVE_OK;
}

static void unstage_inputs(adoption *a)
{
    varve_collection *c = a->j->c;
    uint8_t key[CATALOG_SEGMENT_KEY_BYTES];
    for (size_t i = 0; i < a->j->count; i++) {
        uint64_t number = segment_get_record(input(a, i))->number;
        catalog_segment_key(c->id, number, key);
        store_batch_delete(a->batch, c->db->store, STORE_CATALOG, key, sizeof key);
        index_stage_delete(c->db, a->batch, c->id, number);
    }
}

static varve_status stage(adoption *a, varve_error *err)
{
    varve_collection *c = a->j->c;
    index_wants w;
    index_wants_of(&c->schema.fields[0], &w);
    if (is_merge(a)) unstage_inputs(a);
    for (uint32_t i = 0; i < a->count; i++)
        VV_TRY(stage_output(a, i, &w, err));
    if (is_merge(a)) VV_TRY(stage_dead(a, err));
    counters_add_to_batch(c->db, a->batch, c->id, &c->counters);
    return VARVE_OK;
}

static varve_status make_view(adoption *a, varve_error *err)
{
    const view *v = a->j->c->view;
    size_t behind = a->at + a->j->count, n = a->at;
    VV_CLEANUP(vv_freep)
    row_source *sources = malloc((v->source_count + a->count + 1) * sizeof *sources);
    if (!sources) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    memcpy(sources, v->sources, n * sizeof *sources);
    for (uint32_t i = 0; i < a->count; i++, n++) {
        sources[n] = is_merge(a) ? a->outputs[i] : v->sources[a->at];
        sources[n].index = a->outputs[i].index;
        sources[n].index_generation = a->outputs[i].index_generation;
    }
    memcpy(sources + n, v->sources + behind, (v->source_count - behind) * sizeof *sources);
    return view_new(&a->j->c->schema.fields[0], sources, n + v->source_count - behind, &a->next,
                    err);
}

/* Everything that can fail, up to and with the commit point. */
static varve_status commit_locked(adoption *a, varve_error *err)
{
    varve_collection *c = a->j->c;
    VV_TRY(db_check_writable(c->db, false, err));
    VV_TRY(collection_alive(c, err));
    if (is_merge(a)) {
        VV_TRY(carry(a, c->view, err));
    } else {
        VV_TRY(find_inputs(a, c->view, err));
    }
    VV_TRY(stage(a, err));
    VV_TRY(make_view(a, err));
    VV_TRY(compact_point("compact.before_batch", err));
    varve_status status = catalog_write(c->db, a->batch, err);
    a->unsure = status == VARVE_IO || status == VARVE_NO_SPACE;
    return status;
}

/* The inputs, or the index that was replaced. */
static void doom_replaced(const adoption *a)
{
    const row_source *now = a->j->c->view->sources + a->at;
    for (size_t i = 0; i < a->j->count; i++) {
        if (is_merge(a)) dropped_segment(a->j->c->db, now[i].seg);
        if (now[i].index) {
            dropped_index(a->j->c->db, now[i].index);
        } else if (now[i].index_generation > 0) {
            index_drop_file(a->j->c, segment_get_record(now[i].seg)->number,
                            now[i].index_generation);
        }
    }
}

static varve_status commit(adoption *a, varve_error *err)
{
    varve_collection *c = a->j->c;
    a->batch = store_batch_new();
    if (!a->batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    pthread_mutex_lock(&c->db->writer_lock);
    varve_status status = commit_locked(a, err);
    if (status == VARVE_OK) {
        (void)VV_FAULT("compact.after_batch");
        doom_replaced(a);
        collection_publish(c, a->next);
        a->next = NULL;
    }
    pthread_mutex_unlock(&c->db->writer_lock);
    return status;
}

/* ---- afterwards */

/* Tombstones of versions that are nowhere any more: harmless, but they would stay for ever. */
static varve_status forget_dead(const adoption *a, varve_error *err)
{
    varve *db = a->j->c->db;
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    size_t n = 0;
    for (size_t i = 0; i < a->j->count; i++) {
        for (uint64_t slot = 0; tombstones_next(a->j->drops[i], slot, &slot); slot++) {
            uint8_t key[ROWVER_KEY_BYTES];
            uint64_t rowver;
            VV_TRY(segment_rowver(input(a, i), slot, &rowver, err));
            rowver_key_put(a->j->c->id, rowver, key);
            store_batch_delete(batch, db->store, STORE_DEAD, key, sizeof key);
            if (++n % DEAD_CHUNK) continue;
            VV_TRY(compact_write_relaxed(db, batch, err));
            store_batch_clear(batch);
        }
    }
    return compact_write_relaxed(db, batch, err);
}

static void adoption_done(adoption *a)
{
    for (uint32_t i = 0; i < JOB_OUTPUTS_MAX; i++) {
        tombstones_unref(a->outputs[i].hidden);
        tombstones_unref(a->outputs[i].deleted);
        index_unref(a->outputs[i].index);
        segment_unref(a->outputs[i].seg);
        free(a->add[i].slots);
        free(a->remove[i].slots);
    }
    view_unref(a->seen);
    view_unref(a->next);
    store_batch_free(a->batch);
}

static varve_status adopt(adoption *a, varve_error *err)
{
    VV_TRY(collection_alive(a->j->c, err));
    VV_TRY(move_files(a, err));
    VV_TRY(open_outputs(a, err));
    if (is_merge(a)) {
        VV_CLEANUP(view_unrefp) view *v = collection_view(a->j->c);
        VV_TRY(carry(a, v, err));
    }
    return commit(a, err);
}

/* Outputs ended early for want of memory: nothing larger is asked for again, else neighbours would
 * be merged into what they were, over and over. */
static void learn_rows_fit(compact_job *j, const job_result *r)
{
    uint64_t most = 0;
    if (j->order.kind != JOB_MERGE) return;
    if (r->output_count <= merge_outputs(j->rows_kept, j->order.rows_max)) return;
    for (uint32_t i = 0; i < r->output_count; i++)
        most = VV_MAX(most, r->outputs[i].segment.rows);
    atomic_store(&j->c->merge_rows_fit, most);
}

varve_status adopt_result(compact_job *j, const job_result *r, varve_error *err)
{
    VV_TRY(verify_result(j, r, err));
    VV_TRY(compact_point("compact.verified", err));
    adoption *a = calloc(1, sizeof *a);
    if (!a) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a compaction");
    a->j = j;
    a->r = r;
    pthread_mutex_lock(&j->c->seal_lock);
    varve_status status = adopt(a, err);
    if (status != VARVE_OK) remove_files(a);
    pthread_mutex_unlock(&j->c->seal_lock);
    if (status == VARVE_OK) {
        varve_error ignored;
        learn_rows_fit(j, r);
        (void)VV_FAULT("compact.published");
        varve_status forgotten = is_merge(a) && !a->ranges ? forget_dead(a, &ignored) : VARVE_OK;
        (void)forgotten; /* tombstones of nothing are passed over when a collection is loaded */
    }
    adoption_done(a);
    free(a);
    return status;
}
