/* commit_field.c — vectors put into a named field, and taken out of it, in a group commit. Whether
 * the rows exist is decided here, where no delete can come in between. */
#include "db/field_rows.h"

#include <stdlib.h>

static varve_status say_id(const write_request *w, size_t i, char ret[ID_TEXT_MAX],
                           varve_error *err)
{
    size_t len;
    varve_id id;
    const uint8_t *key = write_key(w, i, &len);
    if (!id_key_get(key, len, &id)) return vv_fail(err, VARVE_INTERNAL, "an id key is malformed");
    id_text(id, ret);
    return VARVE_OK;
}

/* ---- put */

typedef struct field_put {
    commit_part *parent, *child;
    write_request *w;
    row_lookup *parents;
    field_rows rows;
} field_put;

static void put_done(field_put *p)
{
    free(p->parents);
    field_rows_done(&p->rows);
}

static size_t first_vector(const write_request *w, size_t i)
{
    return i ? w->vector_ends[i - 1] : 0;
}

static size_t wanted(const write_request *w, size_t i)
{
    return w->vector_ends[i] - first_vector(w, i);
}

static varve_status check_parents(field_put *p, varve_error *err)
{
    write_request *w = p->w;
    char text[ID_TEXT_MAX];
    p->parents = malloc(w->count * sizeof *p->parents);
    if (!p->parents) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", w->count);
    VV_TRY(part_lookup(p->parent, w, 0, w->count, false, p->parents, err));
    for (size_t i = 0; i < w->count; i++) {
        if (p->parents[i].exists && !p->parents[i].current.deleted) continue;
        VV_TRY(say_id(w, i, text, err));
        return vv_fail(err, VARVE_NOT_FOUND, "external id %s does not exist", text);
    }
    return VARVE_OK;
}

static varve_status check_new(const field_put *p, varve_error *err)
{
    char text[ID_TEXT_MAX];
    if (p->w->replace || !p->rows.any) return VARVE_OK;
    size_t j = 0;
    while (!p->rows.lookups[j].exists)
        j++;
    VV_TRY(say_id(p->w, p->rows.parents[j], text, err));
    return vv_fail(err, VARVE_EXISTS, "external id %s already has a vector in field %s", text,
                   child_field_name(p->child->c));
}

static varve_status check_bytes(const field_put *p, varve_error *err)
{
    const write_request *w = p->w;
    const commit_part *parent = p->parent;
    uint64_t more = w->child_kind == VECTOR_SPARSE ? w->fields.len : 0;
    for (size_t j = 0; j < p->rows.list.count && w->child_kind != VECTOR_SPARSE; j++)
        more += p->rows.lookups[j].exists ? 0 : w->row_bytes;
    size_t row_bytes = varve_dtype_row_bytes(parent->field.dtype, parent->field.dim);
    return check_vector_bytes(p->parent, parent->rows, row_bytes, more, err);
}

static varve_status stage_vector(const field_put *p, store_batch *batch, size_t j, varve_error *err)
{
    static const uint8_t no_vector = 0;
    const write_request *w = p->w;
    size_t i = p->rows.parents[j], len;
    uint32_t index = p->rows.indexes[j];
    const uint8_t *key = write_key(&p->rows.list, j, &len);
    char count[FIELD_COUNT_TEXT];
    row_content content = {p->parents[i].current.ordinal, &no_vector, 1, {"{}", 2}};
    if (w->child_kind == VECTOR_SPARSE) {
        content.fields = write_fields(w, i);
    } else {
        content.vector = w->vectors + (first_vector(w, i) + index) * w->row_bytes;
        content.vector_bytes = w->row_bytes;
    }
    if (w->child_kind == VECTOR_MULTI && index == 0)
        content.fields = field_count_text(wanted(w, i), count);
    return stage_version_at(p->child, batch, key, len, &p->rows.lookups[j], &content, err);
}

static varve_status stage_put(const field_put *p, store_batch *batch, varve_error *err)
{
    write_request *w = p->w;
    for (size_t j = 0; j < p->rows.list.count; j++) {
        size_t i = p->rows.parents[j];
        bool exists = p->rows.lookups[j].exists, put = p->rows.indexes[j] < wanted(w, i);
        if (put) {
            VV_TRY(stage_vector(p, batch, j, err));
        } else if (exists) {
            VV_TRY(field_rows_remove(p->child, batch, &p->rows, j, err));
        }
        if (p->rows.indexes[j] > 0) continue;
        w->receipt.rows_new += put && !exists;
        w->receipt.rows_changed += exists;
    }
    return VARVE_OK;
}

varve_status commit_field_put(commit_part *p, store_batch *batch, write_request *w,
                              varve_error *err)
{
    VV_CLEANUP(put_done) field_put put = {.parent = p, .w = w};
    VV_TRY(cascade_part(p, w->child, &put.child, err));
    VV_TRY(check_parents(&put, err));
    VV_TRY(field_rows_find(put.child, w->child_kind, w, w->vector_ends, &put.rows, err));
    VV_TRY(check_new(&put, err));
    VV_TRY(check_bytes(&put, err));
    VV_TRY(part_open_memtable(put.child, batch, put.child->field.dim, err));
    p->spoiled = true; /* until all vectors are staged */
    VV_TRY(stage_put(&put, batch, err));
    p->spoiled = false;
    return VARVE_OK;
}

/* ---- remove */

varve_status commit_field_remove(commit_part *p, store_batch *batch, write_request *w,
                                 varve_error *err)
{
    commit_part *child = NULL;
    VV_CLEANUP(field_rows_done) field_rows r = {0};
    VV_TRY(cascade_part(p, w->child, &child, err));
    VV_TRY(field_rows_find(child, w->child_kind, w, NULL, &r, err));
    p->spoiled = true; /* until all of them are staged */
    for (size_t j = 0; j < r.list.count; j++) {
        if (w->repeats) VV_TRY(part_lookup(child, &r.list, j, 1, false, &r.lookups[j], err));
        if (!r.lookups[j].exists || r.lookups[j].current.deleted) continue;
        VV_TRY(field_rows_remove(child, batch, &r, j, err));
        w->receipt.rows_changed += r.indexes[j] == 0;
    }
    p->spoiled = false;
    return VARVE_OK;
}
