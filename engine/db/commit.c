/* commit.c — the group commit itself; see commit.h. */
#include "db/catalog.h"
#include "db/field_rows.h"

static varve_status commit_request(commit_part *p, store_batch *batch, write_request *w)
{
    switch (w->kind) {
    case WRITE_INSERT:
    case WRITE_UPSERT: return commit_rows(p, batch, w, &w->error);
    case WRITE_DELETE:
    case WRITE_RESTORE: return commit_marks(p, batch, w, &w->error);
    case WRITE_FIELDS: return commit_fields(p, batch, w, &w->error);
    case WRITE_FIELD_PUT: return commit_field_put(p, batch, w, &w->error);
    case WRITE_FIELD_REMOVE: return commit_field_remove(p, batch, w, &w->error);
    }
    return vv_fail(&w->error, VARVE_INTERNAL, "unknown kind of write");
}

/* All requests, each alone in its failure; false when one failed half-way through staging. */
static bool stage_all(write_request *first, commit_part **parts, store_batch *batch)
{
    for (write_request *w = first; w; w = w->next) {
        commit_part *p = NULL;
        w->error.status = VARVE_OK;
        if (w->count == 0) continue;
        varve_status status =
            part_find(parts, w->collection, first->next || w->repeats, &p, &w->error);
        if (status == VARVE_OK) status = commit_request(p, batch, w);
        w->error.status = status;
        if (p && status != VARVE_OK && p->spoiled) return false;
    }
    return true;
}

varve_status parts_finish(varve *db, commit_part *parts, store_batch *batch, varve_error *err)
{
    for (commit_part *p = parts; p; p = p->next) {
        if (!p->touched) continue;
        counters_add_to_batch(db, batch, p->c->id, &p->counters);
        VV_TRY(part_build_view(p, err));
    }
    return VARVE_OK;
}

/* The view before. */
static view *swap_part(commit_part *p)
{
    varve_collection *c = p->c;
    c->counters = p->counters;
    c->commits++;
    atomic_store(&c->active_rows, c->active ? memtable_rows(c->active) : 0);
    if (p->field_changed) {
        pthread_mutex_lock(&c->lock);
        c->schema.fields[0].dim = p->field.dim;
        pthread_mutex_unlock(&c->lock);
    }
    view *before = collection_swap_view(c, p->next_view);
    p->next_view = NULL;
    return before;
}

static void part_published(commit_part *p, view *before)
{
    varve_collection *c = p->c;
    collection_swapped(c, before);
    const varve_options *o = &c->db->options;
    if (c->active &&
        (memtable_rows(c->active) >= o->seal_rows || memtable_bytes(c->active) >= o->seal_bytes)) {
        collection_freeze(c);
        seal_ask(c);
    }
}

void parts_publish(varve *db, commit_part *group)
{
    pthread_mutex_lock(&db->publish_lock);
    for (commit_part *p = group; p; p = p->next)
        p->before = p->touched ? swap_part(p) : NULL;
    pthread_mutex_unlock(&db->publish_lock);
    for (commit_part *p = group; p; p = p->next) {
        if (p->touched) part_published(p, p->before);
        p->is_published = p->touched;
    }
}

/* Rows staged by a write that failed stay invisible for ever: their numbers are spent, their
 * memtable is closed. */
static void give_up_part(commit_part *p)
{
    varve_collection *c = p->c;
    c->counters.next_rowver = p->counters.next_rowver;
    if (!c->active || memtable_rows(c->active) == p->published) return;
    collection_freeze(c);
    if (atomic_load(&c->frozen_bytes)) seal_ask(c);
}

void parts_give_up(commit_part *group)
{
    for (commit_part *p = group; p; p = p->next) {
        if (!p->is_published) give_up_part(p);
    }
}

void parts_free(commit_part **group)
{
    while (*group) {
        commit_part *next = (*group)->next;
        part_free(*group);
        *group = next;
    }
}

static varve_status write_batch(varve *db, const write_request *first, store_batch *batch,
                                varve_error *err)
{
    bool sync = false;
    for (const write_request *w = first; w; w = w->next) {
        if (w->error.status == VARVE_OK && !w->relaxed) sync = true;
    }
    VV_TRY(db_note_failure(db, store_write(db->store, batch, sync, err), err));
    if (sync) {
        atomic_store(&db->acknowledged, store_sequence(db->store));
    } else {
        atomic_store(&db->unsynced, true);
    }
    return VARVE_OK;
}

static void fail_all(write_request *first, varve_status status, const varve_error *err)
{
    for (write_request *w = first; w; w = w->next) {
        if (w->error.status == VARVE_OK && w->count)
            vv_error_set(&w->error, status, "%s", err->message);
    }
}

static void give_outcomes(varve *db, write_request *first)
{
    uint64_t sequence = store_sequence(db->store), rows = 0, batches = 0;
    for (write_request *w = first; w; w = w->next) {
        w->receipt.sequence = sequence;
        if (w->error.status != VARVE_OK) continue;
        rows += w->receipt.rows_new + w->receipt.rows_changed;
        batches++;
    }
    atomic_fetch_add(&db->batches, batches);
    atomic_fetch_add(&db->rows_written, rows);
    atomic_fetch_add(&db->batch_groups, 1);
}

void commit_group(varve *db, write_request *first)
{
    commit_part *parts = NULL;
    varve_error err = {0};
    VV_CLEANUP(store_batch_freep) store_batch *batch = store_batch_new();
    varve_status status = batch ? db_check_writable(db, false, &err)
                                : vv_fail(&err, VARVE_NO_MEMORY, "no memory for a commit");
    for (write_request *w = first; w; w = w->next)
        w->error.status = VARVE_OK;
    if (status == VARVE_OK && !stage_all(first, &parts, batch))
        status =
            vv_fail(&err, VARVE_CONFLICT, "a write of the same group failed half-way: try again");
    if (status == VARVE_OK) status = parts_finish(db, parts, batch, &err);
    if (status == VARVE_OK) catalog_note_time(db, batch);
    bool touched = false;
    for (commit_part *p = parts; p; p = p->next)
        touched |= p->touched;
    if (status == VARVE_OK && touched) status = write_batch(db, first, batch, &err);
    if (status != VARVE_OK) fail_all(first, status, &err);
    if (status == VARVE_OK) parts_publish(db, parts);
    parts_give_up(parts);
    parts_free(&parts);
    give_outcomes(db, first);
}
