/* commit_marks.c — delete and restore in a group commit: marks on row versions that are there. */
#include "base/bytes.h"
#include "base/clock.h"
#include "db/field_rows.h"

#include <stdlib.h>

varve_status stage_mark(commit_part *p, store_batch *batch, const uint8_t *key, size_t key_len,
                        const row_lookup *l, bool deleted, varve_error *err)
{
    store *s = p->c->db->store;
    row_current now = l->current;
    now.deleted = deleted;
    p->touched = true;

    uint8_t value[ROW_VALUE_BYTES], rowver_key[ROWVER_KEY_BYTES];
    VV_CLEANUP(vv_freep) uint8_t *row_key = malloc(4 + key_len);
    if (!row_key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    put_be32(row_key, p->c->id);
    memcpy(row_key + 4, key, key_len);
    row_current_put(&now, value);
    store_batch_put(batch, s, STORE_ROWS, row_key, 4 + key_len, value, sizeof value);
    rowver_key_put(p->c->id, now.rowver, rowver_key);
    if (deleted) {
        const char kind = DEAD_DELETED;
        store_batch_put(batch, s, STORE_DEAD, rowver_key, sizeof rowver_key, &kind, 1);
    } else {
        store_batch_delete(batch, s, STORE_DEAD, rowver_key, sizeof rowver_key);
    }
    VV_TRY(part_change(p, l->place, deleted, deleted, err));
    return part_note(p, key, key_len, &now, err);
}

varve_status stage_removal(commit_part *p, store_batch *batch, const uint8_t *key, size_t key_len,
                           const row_lookup *l, varve_error *err)
{
    static const row_current gone = {.rowver = ROWVER_NONE};
    store *s = p->c->db->store;
    const char kind = DEAD_SUPERSEDED;
    uint8_t rowver_key[ROWVER_KEY_BYTES];
    VV_CLEANUP(vv_freep) uint8_t *row_key = malloc(4 + key_len);
    if (!row_key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a row");
    p->touched = true;
    p->rows--;
    put_be32(row_key, p->c->id);
    memcpy(row_key + 4, key, key_len);
    store_batch_delete(batch, s, STORE_ROWS, row_key, 4 + key_len);
    rowver_key_put(p->c->id, l->current.rowver, rowver_key);
    store_batch_put(batch, s, STORE_DEAD, rowver_key, sizeof rowver_key, &kind, 1);
    VV_TRY(part_change(p, l->place, true, false, err));
    return part_note(p, key, key_len, &gone, err);
}

varve_status commit_marks(commit_part *p, store_batch *batch, write_request *w, varve_error *err)
{
    bool deleted = w->kind == WRITE_DELETE;
    VV_CLEANUP(vv_freep) row_lookup *lookups = malloc(w->count * sizeof *lookups);
    if (!lookups) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", w->count);
    VV_TRY(part_lookup(p, w, 0, w->count, false, lookups, err));
    p->spoiled = true; /* until all marks are staged */
    for (size_t i = 0; i < w->count; i++) {
        size_t len;
        const uint8_t *key = write_key(w, i, &len);
        if (w->repeats) VV_TRY(part_lookup(p, w, i, 1, false, &lookups[i], err));
        if (!lookups[i].exists || lookups[i].current.deleted == deleted) continue;
        VV_TRY(stage_mark(p, batch, key, len, &lookups[i], deleted, err));
        w->receipt.rows_changed++;
    }
    if (w->receipt.rows_changed) VV_TRY(cascade_marks(p, batch, w, deleted, err));
    p->spoiled = false;
    if (deleted && w->receipt.rows_changed)
        atomic_store(&p->c->last_delete_ms, clock_now_ns() / 1000000);
    return VARVE_OK;
}
