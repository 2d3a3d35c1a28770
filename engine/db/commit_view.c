/* commit_view.c — from slot changes to the next view of a collection. */
#include "db/commit.h"

#include <stdlib.h>

static int change_order(const void *left, const void *right)
{
    const slot_change *a = left, *b = right;
    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    if (a->slot != b->slot) return a->slot < b->slot ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The final state of each slot, split into slots to add to and to take from a set. */
typedef struct slot_split {
    uint64_t *add, *remove;
    size_t add_count, remove_count;
} slot_split;

static void split_changes(const slot_change *changes, size_t count, bool deleted_set, slot_split *s)
{
    s->add_count = s->remove_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && changes[i + 1].slot == changes[i].slot)
            continue; /* a later one counts */
        bool in = deleted_set ? changes[i].deleted : changes[i].hidden;
        if (in) {
            s->add[s->add_count++] = changes[i].slot;
        } else {
            s->remove[s->remove_count++] = changes[i].slot;
        }
    }
}

/* Sets of one source; on success source owns new references. */
static varve_status change_source(row_source *source, const slot_change *changes, size_t count,
                                  slot_split *s, varve_error *err)
{
    tombstones *hidden = NULL, *deleted = NULL;
    split_changes(changes, count, false, s);
    VV_TRY(tombstones_change(source->hidden, s->add, s->add_count, s->remove, s->remove_count,
                             &hidden, err));
    split_changes(changes, count, true, s);
    varve_status status = tombstones_change(source->deleted, s->add, s->add_count, s->remove,
                                            s->remove_count, &deleted, err);
    if (status != VARVE_OK) {
        tombstones_unref(hidden);
        return status;
    }
    source->hidden = hidden;
    source->deleted = deleted;
    return VARVE_OK;
}

static varve_status change_sources(commit_part *p, row_source *next, bool *owned, slot_split *s,
                                   varve_error *err)
{
    if (p->change_count) qsort(p->changes, p->change_count, sizeof *p->changes, change_order);
    for (size_t first = 0, end; first < p->change_count; first = end) {
        uint32_t source = p->changes[first].source;
        for (end = first; end < p->change_count && p->changes[end].source == source; end++) {
        }
        VV_TRY(change_source(&next[source], p->changes + first, end - first, s, err));
        owned[source] = true;
    }
    return VARVE_OK;
}

varve_status part_build_view(commit_part *p, varve_error *err)
{
    VV_CLEANUP(vv_freep) row_source *next = malloc((p->source_count + 1) * sizeof *next);
    VV_CLEANUP(vv_freep) bool *owned = calloc(p->source_count + 1, sizeof *owned);
    VV_CLEANUP(vv_freep) uint64_t *slots = malloc((2 * p->change_count + 1) * sizeof *slots);
    if (!next || !owned || !slots) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a view");
    memcpy(next, p->sources, p->source_count * sizeof *next);
    if (p->c->active) {
        row_source *active = &next[p->source_count - 1];
        active->rows = memtable_rows(p->c->active);
        if (active->rows) {
            active->rowver_min = memtable_rowver(p->c->active, 0);
            active->rowver_max = memtable_rowver(p->c->active, active->rows - 1);
        }
    }
    slot_split s = {slots, slots + p->change_count, 0, 0};
    varve_status status = change_sources(p, next, owned, &s, err);
    if (status == VARVE_OK) status = view_new(&p->field, next, p->source_count, &p->next_view, err);
    for (size_t i = 0; i < p->source_count; i++) {
        if (!owned[i]) continue;
        tombstones_unref(next[i].hidden);
        tombstones_unref(next[i].deleted);
    }
    return status;
}
