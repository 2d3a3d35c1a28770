/* cascade.c — what happens to a collection's rows happens to their named vectors, in the same
 * commit; see field_rows.h. */
#include "db/field_rows.h"

#include "record/schema.h"

varve_status cascade_part(commit_part *p, varve_collection *child, commit_part **ret,
                          varve_error *err)
{
    return part_find(p->group, child, p->overlaid, ret, err);
}

static const vector_field *field_of(const commit_part *p, size_t i)
{
    return &p->c->schema.fields[1 + i];
}

/* An id that comes twice meets what became of it the first time. */
static varve_status look_again(commit_part *child, field_rows *r, size_t j, varve_error *err)
{
    if (!r->list.repeats) return VARVE_OK;
    return part_lookup(child, &r->list, j, 1, false, &r->lookups[j], err);
}

static varve_status mark(commit_part *child, store_batch *batch, field_rows *r, bool deleted,
                         varve_error *err)
{
    for (size_t j = 0; j < r->list.count; j++) {
        size_t len;
        const uint8_t *key = write_key(&r->list, j, &len);
        VV_TRY(look_again(child, r, j, err));
        if (!r->lookups[j].exists || r->lookups[j].current.deleted == deleted) continue;
        VV_TRY(stage_mark(child, batch, key, len, &r->lookups[j], deleted, err));
    }
    return VARVE_OK;
}

varve_status cascade_marks(commit_part *p, store_batch *batch, const write_request *ids,
                           bool deleted, varve_error *err)
{
    for (size_t i = 0; i < p->c->child_count; i++) {
        commit_part *child = NULL;
        VV_CLEANUP(field_rows_done) field_rows r = {0};
        VV_TRY(cascade_part(p, p->c->children[i], &child, err));
        if (child->rows == 0) continue;
        VV_TRY(field_rows_find(child, field_of(p, i)->kind, ids, NULL, &r, err));
        VV_TRY(mark(child, batch, &r, deleted, err));
    }
    return VARVE_OK;
}

varve_status cascade_purge(commit_part *p, store_batch *batch, const write_request *ids,
                           varve_error *err)
{
    for (size_t i = 0; i < p->c->child_count; i++) {
        commit_part *child = NULL;
        VV_CLEANUP(field_rows_done) field_rows r = {0};
        VV_TRY(cascade_part(p, p->c->children[i], &child, err));
        if (child->rows == 0) continue;
        VV_TRY(field_rows_find(child, field_of(p, i)->kind, ids, NULL, &r, err));
        for (size_t j = 0; j < r.list.count; j++) {
            if (r.lookups[j].exists) VV_TRY(field_rows_remove(child, batch, &r, j, err));
        }
    }
    return VARVE_OK;
}

/* ---- rows that were written anew beside the queue: their vectors go along in new versions */

static varve_status follow(commit_part *child, store_batch *batch, const field_rows *r, size_t j,
                           uint64_t ordinal, varve_error *err)
{
    const row_lookup *l = &r->lookups[j];
    const row_source *s = &child->sources[l->place.source];
    const uint8_t *vector;
    uint64_t contiguous;
    varve_text fields;
    size_t len;
    const uint8_t *key = write_key(&r->list, j, &len);
    VV_TRY(source_vectors(s, l->place.slot, 1, &vector, &contiguous, err));
    VV_TRY(source_fields(s, l->place.slot, &fields, err));
    const row_content content = {
        ordinal, vector, varve_dtype_row_bytes(child->field.dtype, child->field.dim), fields};
    return stage_version_at(child, batch, key, len, l, &content, err);
}

varve_status cascade_follow(commit_part *p, store_batch *batch, const write_request *ids,
                            const uint64_t *ordinals, varve_error *err)
{
    for (size_t i = 0; i < p->c->child_count; i++) {
        commit_part *child = NULL;
        VV_CLEANUP(field_rows_done) field_rows r = {0};
        VV_TRY(cascade_part(p, p->c->children[i], &child, err));
        if (child->rows == 0) continue;
        VV_TRY(field_rows_find(child, field_of(p, i)->kind, ids, NULL, &r, err));
        if (!r.any) continue;
        VV_TRY(part_open_memtable(child, batch, child->field.dim, err));
        for (size_t j = 0; j < r.list.count; j++) {
            if (r.lookups[j].exists)
                VV_TRY(follow(child, batch, &r, j, ordinals[r.parents[j]], err));
        }
    }
    return VARVE_OK;
}

uint64_t cascade_vector_bytes(commit_part *p)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->c->child_count; i++) {
        const varve_collection *child = p->c->children[i];
        uint64_t rows = child->view->rows_live + child->view->rows_deleted;
        for (const commit_part *other = *p->group; other; other = other->next) {
            if (other->c == child) rows = other->rows;
        }
        bytes += child_vector_bytes(child, field_of(p, i)->kind, rows);
    }
    return bytes;
}
