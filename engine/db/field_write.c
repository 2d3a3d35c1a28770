/* field_write.c — vectors of named fields on their way into a commit: checked and converted here,
 * on the caller's thread; commit_field.c does the rest. */
#include "db/children.h"
#include "db/vector_fields.h"
#include "db/write.h"

#include "base/bytes.h"
#include "field/sparse_index.h"

#include <stdlib.h>

/* ---- what each row gets */

static varve_status prepare_dense(write_request *w, const varve_field_rows *rows, varve_error *err)
{
    for (size_t i = 0; i < w->count; i++)
        w->vector_ends[i] = i + 1;
    if (!rows->vectors) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    return write_take_vectors(w, w->child, rows->vectors, rows->vectors_type, rows->dim, w->count,
                              err);
}

static varve_status prepare_multi(write_request *w, const varve_field_rows *rows, varve_error *err)
{
    const varve_options *o = &w->collection->db->options;
    size_t total = 0, len;
    if (!rows->counts) return vv_fail(err, VARVE_INVALID, "counts cannot be empty");
    for (size_t i = 0; i < w->count; i++) {
        if (rows->counts[i] > FIELD_MULTI_MAX)
            return vv_fail(err, VARVE_LIMIT, "vectors[%zu]: %zu vectors, at most %d are allowed", i,
                           rows->counts[i], FIELD_MULTI_MAX);
        w->vector_ends[i] = total += rows->counts[i];
        (void)write_key(w, i, &len);
        if (len + 8 > UINT16_MAX) /* the key of a vector is a little longer than its row's */
            return vv_fail(err, VARVE_LIMIT, "vectors[%zu]: its id of %zu bytes is too long", i,
                           len);
    }
    if (o->max_batch_vectors && total > o->max_batch_vectors)
        return vv_fail(err, VARVE_LIMIT, "vectors %zu exceeds max_batch_vectors %llu", total,
                       (unsigned long long)o->max_batch_vectors);
    if (total == 0) return VARVE_OK;
    if (!rows->vectors) return vv_fail(err, VARVE_INVALID, "vectors cannot be empty");
    return write_take_vectors(w, w->child, rows->vectors, rows->vectors_type, rows->dim, total,
                              err);
}

/* "" is no vector at all; so is one whose values are all zero. */
static bool is_empty(varve_text encoded) { return encoded.len < 8 || get_u32(encoded.data) == 0; }

static varve_status prepare_sparse(write_request *w, const varve_field_rows *rows, varve_error *err)
{
    size_t at = 0, total = 0;
    if (!rows->nonzero) return vv_fail(err, VARVE_INVALID, "nonzero cannot be empty");
    w->field_ends = malloc(w->count * sizeof *w->field_ends);
    if (!w->field_ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", w->count);
    for (size_t i = 0; i < w->count; i++) {
        size_t n = rows->nonzero[i], before = w->fields.len;
        if (n > SPARSE_NONZERO_MAX)
            return vv_fail(err, VARVE_LIMIT, "vectors[%zu]: %zu values, at most %d are allowed", i,
                           n, SPARSE_NONZERO_MAX);
        if (n && (!rows->indices || !rows->values))
            return vv_fail(err, VARVE_INVALID, "indices and values cannot be empty");
        if (n) VV_TRY(sparse_encode(rows->indices + at, rows->values + at, n, i, &w->fields, err));
        at += n;
        if (is_empty((varve_text){w->fields.data + before, w->fields.len - before})) {
            w->fields.len = before;
        } else {
            total++;
        }
        w->field_ends[i] = w->fields.len;
        w->vector_ends[i] = total;
    }
    return VARVE_OK;
}

static varve_status prepare_put(write_request *w, const varve_field_rows *rows, varve_error *err)
{
    w->vector_ends = malloc((w->count + 1) * sizeof *w->vector_ends);
    if (!w->vector_ends) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu rows", w->count);
    switch (w->child_kind) {
    case VECTOR_DENSE: return prepare_dense(w, rows, err);
    case VECTOR_SPARSE: return prepare_sparse(w, rows, err);
    case VECTOR_MULTI: return prepare_multi(w, rows, err);
    }
    return vv_fail(err, VARVE_INTERNAL, "unknown kind of vector field");
}

/* ---- varve_query.h */

/* rows NULL: a removal. */
static varve_status submit(varve_collection *c, const char *name, write_kind kind,
                           const varve_id *ids, size_t count, const varve_field_rows *rows,
                           bool replace, const varve_write_options *options, varve_receipt *ret,
                           varve_error *err)
{
    VV_CLEANUP(write_request_done) write_request w = {0};
    varve_collection *child = NULL;
    vector_kind child_kind;
    VV_TRY(db_check_writable(c->db, rows != NULL, err));
    VV_TRY(children_need(c, name, &child, &child_kind, err));
    varve_status status = write_prepare_ids(c, kind, ids, count, options, &w, err);
    w.child = child;
    w.child_kind = child_kind;
    w.replace = replace;
    if (status != VARVE_OK) return status;
    if (count == 0) {
        if (ret) *ret = (varve_receipt){.sequence = store_sequence(c->db->store)};
        return VARVE_OK;
    }
    if (rows) VV_TRY(prepare_put(&w, rows, err));
    return write_submit(c->db, &w, ret, err);
}

varve_status varve_field_put(varve_collection *c, const char *name, const varve_field_rows *rows,
                             bool replace, const varve_write_options *options,
                             varve_receipt *ret_receipt, varve_error *err)
{
    return submit(c, name, WRITE_FIELD_PUT, rows->ids, rows->count, rows, replace, options,
                  ret_receipt, err);
}

varve_status varve_field_remove(varve_collection *c, const char *name, const varve_id *ids,
                                size_t count, const varve_write_options *options,
                                varve_receipt *ret_receipt, varve_error *err)
{
    return submit(c, name, WRITE_FIELD_REMOVE, ids, count, NULL, false, options, ret_receipt, err);
}
