/* commit_part.c — what one collection goes through in a group commit: its sources, lookups, slot
 * changes, next view. */
#include "base/bytes.h"
#include "db/commit.h"

#include <stdlib.h>

static void add_active_source(commit_part *p)
{
    memtable *m = p->c->active;
    if (p->source_count && p->sources[p->source_count - 1].mem == m) {
        p->published = p->sources[p->source_count - 1].rows;
        return;
    }
    p->sources[p->source_count++] = (row_source){.mem = m};
}

varve_status part_new(varve_collection *c, bool overlaid, commit_part **ret, varve_error *err)
{
    if (atomic_load(&c->dropped))
        return vv_fail(err, VARVE_NOT_FOUND, "Collection not found: %s", c->name);
    commit_part *p = calloc(1, sizeof *p);
    row_source *sources = calloc(c->view->source_count + 1, sizeof *sources);
    if (!p || !sources) {
        free(p);
        free(sources);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a commit");
    }
    p->c = c;
    p->base = c->view;
    p->sources = sources;
    p->source_count = c->view->source_count;
    memcpy(sources, c->view->sources, p->source_count * sizeof *sources);
    p->counters = c->counters;
    p->field = c->schema.fields[0];
    p->rows = c->view->rows_live + c->view->rows_deleted;
    p->overlaid = overlaid;
    hashmap_init(&p->overlay);
    if (c->active) add_active_source(p);
    *ret = p;
    return VARVE_OK;
}

varve_status part_find(commit_part **group, varve_collection *c, bool overlaid, commit_part **ret,
                       varve_error *err)
{
    commit_part *p = *group;
    while (p && p->c != c)
        p = p->next;
    if (!p) {
        VV_TRY(part_new(c, overlaid, &p, err));
        p->group = group;
        p->next = *group;
        *group = p;
    }
    *ret = p;
    return VARVE_OK;
}

void part_free(commit_part *p)
{
    if (!p) return;
    size_t at = 0;
    hashmap_slot *slot;
    while ((slot = hashmap_next(&p->overlay, &at)))
        free(slot->value);
    hashmap_done(&p->overlay);
    view_unref(p->next_view);
    free(p->changes);
    free(p->sources);
    free(p);
}

varve_status part_open_memtable(commit_part *p, store_batch *batch, size_t dim, varve_error *err)
{
    if (p->field.dim == 0) {
        p->field.dim = (uint32_t)dim;
        VV_TRY(catalog_put_field(p->c->db, batch, p->c, &p->field, err));
        p->field_changed = true;
    }
    if (p->c->active) return VARVE_OK;
    VV_TRY(collection_new_memtable(p->c, &p->field, &p->c->active, err));
    p->published = 0;
    add_active_source(p);
    return VARVE_OK;
}

varve_status part_change(commit_part *p, row_place place, bool hidden, bool deleted,
                         varve_error *err)
{
    if (p->change_count == p->change_capacity) {
        size_t capacity = p->change_capacity ? 2 * p->change_capacity : 16;
        slot_change *bigger = realloc(p->changes, capacity * sizeof *bigger);
        if (!bigger) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu changes", capacity);
        p->changes = bigger;
        p->change_capacity = capacity;
    }
    p->changes[p->change_count] = (slot_change){(uint32_t)place.source, (uint32_t)p->change_count,
                                                place.slot, hidden, deleted};
    p->change_count++;
    return VARVE_OK;
}

varve_status part_note(commit_part *p, const uint8_t *key, size_t key_len, const row_current *now,
                       varve_error *err)
{
    if (!p->overlaid) return VARVE_OK;
    row_current *known = hashmap_get(&p->overlay, key, key_len);
    if (known) {
        *known = *now;
        return VARVE_OK;
    }
    known = malloc(sizeof *known);
    if (known) *known = *now;
    if (!known || !hashmap_put(&p->overlay, key, key_len, known)) {
        free(known);
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for a commit");
    }
    return VARVE_OK;
}

/* ---- lookups */

varve_status part_place(commit_part *p, uint64_t rowver, row_place *ret, varve_error *err)
{
    size_t low = 0, high = p->source_count;
    bool has_active = p->c->active && high && p->sources[high - 1].mem == p->c->active;
    if (has_active &&
        memtable_find(p->c->active, memtable_rows(p->c->active), rowver, &ret->slot)) {
        ret->source = high - 1;
        return VARVE_OK;
    }
    if (has_active) high--;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->sources[middle].rowver_max < rowver) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = false;
    if (low < p->source_count && p->sources[low].mem) {
        found = memtable_find(p->sources[low].mem, p->sources[low].rows, rowver, &ret->slot);
    } else if (low < p->source_count && p->sources[low].seg) {
        VV_TRY(segment_find(p->sources[low].seg, rowver, &found, &ret->slot, err));
    }
    if (!found)
        return vv_fail(err, VARVE_CORRUPT, "row version %llu of collection %s is in no segment",
                       (unsigned long long)rowver, p->c->name);
    ret->source = low;
    return VARVE_OK;
}

/* An integer id above all that were ever used needs no look into the store. */
static bool surely_absent(const commit_part *p, const uint8_t *key, size_t len)
{
    varve_id id;
    if (p->counters.next_ordinal == 0) return true;
    return id_key_get(key, len, &id) && id.kind == VARVE_ID_NUM &&
           p->c->counters.next_auto_id != UINT64_MAX && id.num >= p->c->counters.next_auto_id;
}

static varve_status complete_lookup(commit_part *p, bool with_fields, row_lookup *l,
                                    varve_error *err)
{
    l->exists = true;
    VV_TRY(part_place(p, l->current.rowver, &l->place, err));
    if (!with_fields) return VARVE_OK;
    return source_fields(&p->sources[l->place.source], l->place.slot, &l->fields, err);
}

enum { LOOKUP_CHUNK = 256 };

/* The keys that neither the group nor the counters can answer, asked of the store in one go. */
static varve_status lookup_stored(commit_part *p, size_t n, const void *const *keys,
                                  const size_t *lens, row_lookup *const *lookups, bool with_fields,
                                  varve_error *err)
{
    store_value values[LOOKUP_CHUNK];
    if (n == 0) return VARVE_OK;
    VV_TRY(store_get_many(p->c->db->store, STORE_ROWS, n, keys, lens, values, err));
    varve_status status = VARVE_OK;
    for (size_t i = 0; i < n; i++) {
        if (status == VARVE_OK && values[i].data) {
            if (!row_current_get(values[i].data, values[i].len, &lookups[i]->current)) {
                status = vv_fail(err, VARVE_CORRUPT, "a row record of collection %s is malformed",
                                 p->c->name);
            } else {
                status = complete_lookup(p, with_fields, lookups[i], err);
            }
        }
        store_value_done(&values[i]);
    }
    return status;
}

static varve_status lookup_chunk(commit_part *p, const write_request *w, size_t first, size_t n,
                                 bool with_fields, row_lookup *ret, varve_error *err)
{
    const void *keys[LOOKUP_CHUNK];
    size_t lens[LOOKUP_CHUNK], asked = 0, at = 0;
    row_lookup *lookups[LOOKUP_CHUNK];
    size_t bytes = w->key_ends[first + n - 1] - (first ? w->key_ends[first - 1] : 0) + 4 * n;
    VV_CLEANUP(vv_freep) uint8_t *rows_keys = malloc(bytes);
    if (!rows_keys) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a lookup");
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const uint8_t *key = write_key(w, first + i, &len);
        ret[i] = (row_lookup){0};
        row_current *known = p->overlaid ? hashmap_get(&p->overlay, key, len) : NULL;
        if (known && known->rowver == ROWVER_NONE) continue;
        if (known) {
            ret[i].current = *known;
            VV_TRY(complete_lookup(p, with_fields, &ret[i], err));
        } else if (!surely_absent(p, key, len)) {
            put_be32(rows_keys + at, p->c->id);
            memcpy(rows_keys + at + 4, key, len);
            keys[asked] = rows_keys + at;
            lens[asked] = 4 + len;
            lookups[asked++] = &ret[i];
            at += 4 + len;
        }
    }
    return lookup_stored(p, asked, keys, lens, lookups, with_fields, err);
}

varve_status part_lookup(commit_part *p, const write_request *w, size_t first, size_t n,
                         bool with_fields, row_lookup *ret, varve_error *err)
{
    for (size_t done = 0; done < n; done += LOOKUP_CHUNK) {
        size_t chunk = VV_MIN((size_t)LOOKUP_CHUNK, n - done);
        VV_TRY(lookup_chunk(p, w, first + done, chunk, with_fields, ret + done, err));
    }
    return VARVE_OK;
}
