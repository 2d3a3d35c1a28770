/* field_rows.c — see field_rows.h. */
#include "db/field_rows.h"

#include <stdlib.h>

void field_rows_done(field_rows *r)
{
    buffer_done(&r->keys);
    free(r->list.key_ends);
    free(r->parents);
    free(r->indexes);
    free(r->lookups);
    *r = (field_rows){0};
}

/* ---- how many vectors each row has */

typedef struct heads { /* first vectors of MULTI rows */
    write_request list;
    buffer keys;
    row_lookup *lookups;
} heads;

static void heads_done(heads *h)
{
    buffer_done(&h->keys);
    free(h->list.key_ends);
    free(h->lookups);
}

static varve_status find_heads(commit_part *child, const write_request *of, heads *h,
                               varve_error *err)
{
    buffer_init(&h->keys, SIZE_MAX / 2, "keys of vectors");
    h->list.count = of->count;
    h->list.key_ends = malloc(of->count * sizeof *h->list.key_ends);
    h->lookups = malloc(of->count * sizeof *h->lookups);
    if (!h->list.key_ends || !h->lookups)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", of->count);
    for (size_t i = 0; i < of->count; i++) {
        size_t len;
        const uint8_t *key = write_key(of, i, &len);
        VV_TRY(field_key(key, len, 0, &h->keys, err));
        h->list.key_ends[i] = h->keys.len;
    }
    h->list.keys = (uint8_t *)h->keys.data;
    return part_lookup(child, &h->list, 0, of->count, true, h->lookups, err);
}

static size_t wanted_of(const size_t *ends, size_t i)
{
    return ends ? ends[i] - (i ? ends[i - 1] : 0) : 0;
}

/* Entries of each id: how many there are, or are wanted if that is more. */
static varve_status count_entries(commit_part *child, vector_kind kind, const write_request *of,
                                  const size_t *wanted_ends, size_t *counts, varve_error *err)
{
    VV_CLEANUP(heads_done) heads h = {0};
    if (kind == VECTOR_MULTI) VV_TRY(find_heads(child, of, &h, err));
    for (size_t i = 0; i < of->count; i++) {
        counts[i] = 1;
        if (kind != VECTOR_MULTI) continue;
        counts[i] = 0;
        if (h.lookups[i].exists && !field_count_get(h.lookups[i].fields, &counts[i]))
            return vv_fail(err, VARVE_CORRUPT, "%s: how many vectors a row has is malformed",
                           child->c->name);
        counts[i] = VV_MAX(counts[i], wanted_of(wanted_ends, i));
    }
    return VARVE_OK;
}

/* ---- the rows */

static varve_status allocate(field_rows *r, size_t count, varve_error *err)
{
    buffer_init(&r->keys, SIZE_MAX / 2, "keys of vectors");
    r->list.key_ends = malloc((count + 1) * sizeof *r->list.key_ends);
    r->parents = malloc((count + 1) * sizeof *r->parents);
    r->indexes = malloc((count + 1) * sizeof *r->indexes);
    r->lookups = malloc((count + 1) * sizeof *r->lookups);
    if (!r->list.key_ends || !r->parents || !r->indexes || !r->lookups)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", count);
    return VARVE_OK;
}

static varve_status add_entry(field_rows *r, vector_kind kind, const uint8_t *key, size_t len,
                              size_t parent, uint32_t index, varve_error *err)
{
    size_t j = r->list.count++;
    if (kind == VECTOR_MULTI) {
        VV_TRY(field_key(key, len, index, &r->keys, err));
    } else {
        VV_TRY(buffer_add(&r->keys, key, len, err));
    }
    r->list.key_ends[j] = r->keys.len;
    r->parents[j] = parent;
    r->indexes[j] = index;
    return VARVE_OK;
}

static varve_status find_all(commit_part *child, vector_kind kind, const write_request *of,
                             const size_t *counts, field_rows *r, varve_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < of->count; i++)
        total += counts[i];
    VV_TRY(allocate(r, total, err));
    for (size_t i = 0; i < of->count; i++) {
        size_t len;
        const uint8_t *key = write_key(of, i, &len);
        for (size_t k = 0; k < counts[i]; k++)
            VV_TRY(add_entry(r, kind, key, len, i, (uint32_t)k, err));
    }
    r->list.keys = (uint8_t *)r->keys.data;
    r->list.repeats = of->repeats;
    VV_TRY(part_lookup(child, &r->list, 0, total, false, r->lookups, err));
    for (size_t j = 0; j < total; j++)
        r->any |= r->lookups[j].exists;
    return VARVE_OK;
}

varve_status field_rows_find(commit_part *child, vector_kind kind, const write_request *of,
                             const size_t *wanted_ends, field_rows *ret, varve_error *err)
{
    VV_CLEANUP(field_rows_done) field_rows r = {0};
    VV_CLEANUP(vv_freep) size_t *counts = malloc((of->count + 1) * sizeof *counts);
    if (!counts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", of->count);
    VV_TRY(count_entries(child, kind, of, wanted_ends, counts, err));
    VV_TRY(find_all(child, kind, of, counts, &r, err));
    *ret = r;
    r = (field_rows){0};
    return VARVE_OK;
}

varve_status field_rows_remove(commit_part *child, store_batch *batch, const field_rows *r,
                               size_t j, varve_error *err)
{
    size_t len;
    const uint8_t *key = write_key(&r->list, j, &len);
    return stage_removal(child, batch, key, len, &r->lookups[j], err);
}
