/* field_read.c — named vectors of rows by id. A read is of one view of the field: when a commit
 * came in between, it is done again, at last with the writer lock held. */
#include "base/bytes.h"
#include "db/children.h"
#include "db/field_rows.h"

#include "field/sparse_index.h"

#include <stdlib.h>

struct varve_field_vectors {
    size_t rows, dim;
    size_t *counts; /* of each row: vectors, or pairs */
    size_t *starts; /* of each row, in values (and indices) */
    buffer values;
    buffer indices; /* of sparse ones */
};

size_t varve_field_vectors_rows(const varve_field_vectors *v) { return v->rows; }
size_t varve_field_vectors_dim(const varve_field_vectors *v) { return v->dim; }
size_t varve_field_vectors_count(const varve_field_vectors *v, size_t i) { return v->counts[i]; }

const float *varve_field_vectors_values(const varve_field_vectors *v, size_t i)
{
    return v->counts[i] ? (const float *)(const void *)v->values.data + v->starts[i] : NULL;
}

const uint32_t *varve_field_vectors_indices(const varve_field_vectors *v, size_t i)
{
    if (v->counts[i] == 0 || v->indices.len == 0) return NULL;
    return (const uint32_t *)(const void *)v->indices.data + v->starts[i];
}

void varve_field_vectors_free(varve_field_vectors *v)
{
    if (!v) return;
    buffer_done(&v->values);
    buffer_done(&v->indices);
    free(v->counts);
    free(v->starts);
    free(v);
}

static void vectors_freep(varve_field_vectors **v) { varve_field_vectors_free(*v); }

static varve_status new_vectors(size_t rows, size_t dim, varve_field_vectors **ret,
                                varve_error *err)
{
    VV_CLEANUP(vectors_freep) varve_field_vectors *v = calloc(1, sizeof *v);
    if (!v) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", rows);
    buffer_init(&v->values, SIZE_MAX / 2, "vectors");
    buffer_init(&v->indices, SIZE_MAX / 2, "vectors");
    v->rows = rows;
    v->dim = dim;
    v->counts = calloc(rows + 1, sizeof *v->counts);
    v->starts = calloc(rows + 1, sizeof *v->starts);
    if (!v->counts || !v->starts)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", rows);
    *ret = v;
    v = NULL;
    return VARVE_OK;
}

/* ---- one read */

typedef struct field_reading {
    varve_collection *child;
    vector_kind kind;
    const varve_id *ids;
    size_t count;
    bool locked;
    buffer keys; /* of MULTI rows */
    varve_id *asked;
    size_t *parents; /* index into ids, of each of asked */
    size_t asked_count;
} field_reading;

static void reading_done(field_reading *r)
{
    buffer_done(&r->keys);
    free(r->asked);
    free(r->parents);
}

static varve_status add_row(const field_reading *r, varve_field_vectors *v, size_t i,
                            const varve_rowset *rows, size_t at, varve_error *err)
{
    sparse_vector sparse;
    VV_CLEANUP(buffer_done) buffer scratch;
    buffer_init(&scratch, SIZE_MAX / 2, "sparse vector");
    if (v->counts[i] == 0) v->starts[i] = v->values.len / sizeof(float);
    if (r->kind != VECTOR_SPARSE) {
        v->counts[i]++;
        return buffer_add(&v->values, varve_rowset_vector(rows, at), v->dim * sizeof(float), err);
    }
    if (!sparse_decode(varve_rowset_fields(rows, at), &scratch, &sparse))
        return vv_fail(err, VARVE_CORRUPT, "a sparse vector of %s is malformed", r->child->name);
    v->counts[i] = sparse.count;
    VV_TRY(buffer_add(&v->indices, sparse.indices, sparse.count * sizeof(uint32_t), err));
    return buffer_add(&v->values, sparse.values, sparse.count * sizeof(float), err);
}

/* Rows come in the order asked, without those that there are not. */
static varve_status read_asked(const field_reading *r, varve_field_vectors *v, varve_error *err)
{
    varve_rowset *rows = NULL;
    unsigned with = r->kind == VECTOR_SPARSE ? VARVE_WITH_FIELDS : VARVE_WITH_VECTORS;
    VV_TRY(read_rows(r->child, r->asked, r->asked_count, with, r->locked, &rows, err));
    varve_status status = VARVE_OK;
    size_t count = varve_rowset_count(rows);
    for (size_t j = 0, at = 0; j < r->asked_count && at < count && status == VARVE_OK; j++) {
        if (id_compare(r->asked[j], varve_rowset_id(rows, at)) != 0) continue;
        status = add_row(r, v, r->parents[j], rows, at++, err);
    }
    varve_rowset_free(rows);
    return status;
}

static varve_status ask_keys(field_reading *r, const size_t *counts, varve_error *err)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < r->count; i++)
        total += counts[i];
    buffer_clear(&r->keys);
    free(r->asked);
    free(r->parents);
    r->asked = malloc((total + 1) * sizeof *r->asked);
    r->parents = malloc((total + 1) * sizeof *r->parents);
    VV_CLEANUP(vv_freep) size_t *ends = malloc((total + 1) * sizeof *ends);
    VV_CLEANUP(vv_freep) uint8_t *key = malloc(ROW_KEY_MAX);
    if (!r->asked || !r->parents || !ends || !key)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu vectors", total);
    for (size_t i = 0; i < r->count; i++) {
        id_key_put(r->ids[i], key);
        for (size_t k = 0; k < counts[i]; k++, n++) {
            VV_TRY(field_key(key, id_key_size(r->ids[i]), (uint32_t)k, &r->keys, err));
            ends[n] = r->keys.len;
            r->parents[n] = i;
        }
    }
    for (size_t j = 0; j < total; j++) {
        size_t from = j ? ends[j - 1] : 0;
        if (!id_key_get((const uint8_t *)r->keys.data + from, ends[j] - from, &r->asked[j]))
            return vv_fail(err, VARVE_INTERNAL, "the key of a vector is malformed");
    }
    r->asked_count = total;
    return VARVE_OK;
}

/* How many vectors each row has, from its first one. */
static varve_status read_counts(field_reading *r, size_t *counts, varve_error *err)
{
    varve_rowset *rows = NULL;
    for (size_t i = 0; i < r->count; i++)
        counts[i] = 1;
    VV_TRY(ask_keys(r, counts, err));
    VV_TRY(read_rows(r->child, r->asked, r->asked_count, VARVE_WITH_FIELDS, r->locked, &rows, err));
    varve_status status = VARVE_OK;
    size_t count = varve_rowset_count(rows);
    for (size_t j = 0, at = 0; j < r->asked_count; j++) {
        counts[j] = 0;
        if (at >= count || id_compare(r->asked[j], varve_rowset_id(rows, at)) != 0) continue;
        if (!field_count_get(varve_rowset_fields(rows, at++), &counts[j]))
            status = vv_fail(err, VARVE_CORRUPT, "%s: how many vectors a row has is malformed",
                             r->child->name);
    }
    varve_rowset_free(rows);
    return status;
}

static varve_status read_multi(field_reading *r, varve_field_vectors *v, varve_error *err)
{
    VV_CLEANUP(vv_freep) size_t *counts = malloc((r->count + 1) * sizeof *counts);
    if (!counts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", r->count);
    VV_TRY(read_counts(r, counts, err));
    VV_TRY(ask_keys(r, counts, err));
    return read_asked(r, v, err);
}

static varve_status read_single(field_reading *r, varve_field_vectors *v, varve_error *err)
{
    r->asked = malloc((r->count + 1) * sizeof *r->asked);
    r->parents = malloc((r->count + 1) * sizeof *r->parents);
    if (!r->asked || !r->parents)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", r->count);
    for (size_t i = 0; i < r->count; i++) {
        r->asked[i] = r->ids[i];
        r->parents[i] = i;
    }
    r->asked_count = r->count;
    return read_asked(r, v, err);
}

static varve_status read_once(varve_collection *child, vector_kind kind, const varve_id *ids,
                              size_t count, bool locked, varve_field_vectors **ret,
                              varve_error *err)
{
    VV_CLEANUP(reading_done)
    field_reading r = {.child = child, .kind = kind, .ids = ids, .count = count, .locked = locked};
    VV_CLEANUP(vectors_freep) varve_field_vectors *v = NULL;
    buffer_init(&r.keys, SIZE_MAX / 2, "keys of vectors");
    size_t dim = kind == VECTOR_SPARSE ? 0 : collection_field(child).dim;
    VV_TRY(new_vectors(count, dim, &v, err));
    VV_TRY(kind == VECTOR_MULTI ? read_multi(&r, v, err) : read_single(&r, v, err));
    *ret = v;
    v = NULL;
    return VARVE_OK;
}

static varve_status read_settled(varve_collection *child, vector_kind kind, const varve_id *ids,
                                 size_t count, varve_field_vectors **ret, varve_error *err)
{
    varve_field_vectors *v = NULL;
    VV_CLEANUP(view_unrefp) view *before = collection_view(child);
    varve_status status = read_once(child, kind, ids, count, false, &v, err);
    VV_CLEANUP(view_unrefp) view *after = collection_view(child);
    if (before != after) {
        varve_field_vectors_free(status == VARVE_OK ? v : NULL);
        pthread_mutex_lock(&child->db->writer_lock);
        status = read_once(child, kind, ids, count, true, &v, err);
        pthread_mutex_unlock(&child->db->writer_lock);
    }
    if (status == VARVE_OK) *ret = v;
    return status;
}

varve_status varve_field_read(varve_collection *c, const char *name, const varve_id *ids,
                              size_t count, varve_field_vectors **ret, varve_error *err)
{
    varve_collection *child = NULL;
    vector_kind kind;
    const varve_options *o = &c->db->options;
    if (o->max_batch_vectors && count > o->max_batch_vectors)
        return vv_fail(err, VARVE_LIMIT, "ids %zu exceeds max_batch_vectors %llu", count,
                       (unsigned long long)o->max_batch_vectors);
    if (count && !ids) return vv_fail(err, VARVE_INVALID, "ids cannot be empty");
    for (size_t i = 0; i < count; i++)
        VV_TRY(id_check(ids[i], o->id_bytes_max, err));
    VV_TRY(collection_ready(c, err));
    VV_TRY(children_need(c, name, &child, &kind, err));
    varve_status status = read_settled(child, kind, ids, count, ret, err);
    varve_collection_release(child);
    return status;
}
