/* restore_some_rows.c — the part of restore_some.h about rows by id: a session takes all rows, so
 * that they appear together; then the vectors of each named field. */
#include "ids_order.h"
#include "restore_some_inner.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 512 /* rows in memory at once */

typedef struct rows_job {
    varve_collection *from, *to;
    const restore_some_options *o;
    varve_id *ids; /* each once, ascending; borrowed texts */
    size_t count;
    varve_session *session;
} rows_job;

static void job_done(rows_job *j)
{
    varve_session_free(j->session);
    free(j->ids);
}

static void rowset_freep(varve_rowset **r) { varve_rowset_free(*r); }
static void vectors_freep(varve_field_vectors **v) { varve_field_vectors_free(*v); }

/* ---- ids ----------------------------------------------------------------------------------- */

static varve_status take_ids(rows_job *j, varve_error *err)
{
    const restore_some_options *o = j->o;
    j->ids = malloc((o->id_count + 1) * sizeof *j->ids);
    if (!j->ids) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu ids", o->id_count);
    if (o->id_count == 0) return VARVE_OK;
    memcpy(j->ids, o->ids, o->id_count * sizeof *j->ids);
    qsort(j->ids, o->id_count, sizeof *j->ids, ids_compare_items);
    for (size_t i = 0; i < o->id_count; i++)
        if (i == 0 || ids_compare(j->ids[i], j->ids[j->count - 1]) != 0)
            j->ids[j->count++] = j->ids[i];
    return VARVE_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static varve_status add_rows(rows_job *j, const varve_rowset *rows, varve_id *ids,
                             varve_text *fields, varve_error *err)
{
    size_t count = varve_rowset_count(rows);
    varve_rows add = {.count = count,
                      .dim = varve_rowset_dim(rows),
                      .ids = ids,
                      .vectors_type = VARVE_FLOAT32,
                      .fields = fields};
    if (count == 0) return VARVE_OK;
    for (size_t i = 0; i < count; i++) {
        ids[i] = varve_rowset_id(rows, i);
        fields[i] = varve_rowset_fields(rows, i);
    }
    add.vectors = varve_rowset_vector(rows, 0); /* the others follow it */
    return varve_session_add(j->session, &add, err);
}

static varve_status put_rows(rows_job *j, restore_some_result *ret, varve_error *err)
{
    const varve_session_options options = {.upsert = true};
    const remote_cancel *cancel = &j->o->cancel;
    varve_id ids[CHUNK];
    varve_text fields[CHUNK];
    VV_TRY(varve_session_new(j->to, &options, &j->session, err));
    for (size_t at = 0; at < j->count; at += CHUNK) {
        VV_CLEANUP(rowset_freep) varve_rowset *rows = NULL;
        size_t n = VV_MIN((size_t)CHUNK, j->count - at);
        if (cancel->asked && cancel->asked(cancel->arg))
            return vv_fail(err, VARVE_CANCELLED, "cancelled");
        VV_TRY(varve_get(j->from, j->ids + at, n, VARVE_WITH_VECTORS | VARVE_WITH_FIELDS,
                         !j->o->skip_missing, &rows, err));
        VV_TRY(add_rows(j, rows, ids, fields, err));
        ret->rows += varve_rowset_count(rows);
        ret->rows_missing += n - varve_rowset_count(rows);
    }
    return varve_session_commit(j->session, NULL, err);
}

/* ---- vectors of named fields --------------------------------------------------------------- */

typedef struct field_batch { /* of rows that have vectors, and of those that have none */
    varve_id with[CHUNK], without[CHUNK];
    size_t counts[CHUNK];
    size_t with_count, without_count;
    const float *values; /* back to back, as varve_field_read found them */
    const uint32_t *indices;
} field_batch;

static void fill(field_batch *b, const varve_rowset *there, const varve_field_vectors *v)
{
    *b = (field_batch){0};
    for (size_t i = 0; i < varve_rowset_count(there); i++) {
        size_t count = varve_field_vectors_count(v, i);
        if (count == 0) {
            b->without[b->without_count++] = varve_rowset_id(there, i);
            continue;
        }
        if (b->with_count == 0) {
            b->values = varve_field_vectors_values(v, i);
            b->indices = varve_field_vectors_indices(v, i);
        }
        b->counts[b->with_count] = count;
        b->with[b->with_count++] = varve_rowset_id(there, i);
    }
}

static varve_status put_batch(rows_job *j, const varve_field_info *field, const field_batch *b,
                              varve_error *err)
{
    bool sparse = field->kind == VARVE_FIELD_SPARSE;
    const varve_field_rows rows = {.count = b->with_count,
                                   .ids = b->with,
                                   .vectors = sparse ? NULL : b->values,
                                   .vectors_type = VARVE_FLOAT32,
                                   .dim = field->dim,
                                   .counts = b->counts,
                                   .indices = sparse ? b->indices : NULL,
                                   .values = sparse ? b->values : NULL,
                                   .nonzero = b->counts};
    if (b->without_count)
        VV_TRY(
            varve_field_remove(j->to, field->name, b->without, b->without_count, NULL, NULL, err));
    if (b->with_count == 0) return VARVE_OK;
    return varve_field_put(j->to, field->name, &rows, true, NULL, NULL, err);
}

/* Of the rows at [at, at + CHUNK) of ids those that the backup has. */
static varve_status find_rows(rows_job *j, size_t at, varve_rowset **ret, varve_id ids[CHUNK],
                              size_t *ret_count, varve_error *err)
{
    size_t n = VV_MIN((size_t)CHUNK, j->count - at);
    VV_TRY(varve_get(j->from, j->ids + at, n, 0, false, ret, err));
    *ret_count = varve_rowset_count(*ret);
    for (size_t i = 0; i < *ret_count; i++)
        ids[i] = varve_rowset_id(*ret, i);
    return VARVE_OK;
}

static varve_status put_field(rows_job *j, const varve_field_info *field, varve_error *err)
{
    VV_CLEANUP(vv_freep) field_batch *batch = malloc(sizeof *batch);
    varve_id ids[CHUNK];
    if (!batch) return vv_fail(err, VARVE_NO_MEMORY, "no memory for vectors");
    for (size_t at = 0; at < j->count; at += CHUNK) {
        VV_CLEANUP(rowset_freep) varve_rowset *there = NULL;
        VV_CLEANUP(vectors_freep) varve_field_vectors *v = NULL;
        size_t count = 0;
        VV_TRY(find_rows(j, at, &there, ids, &count, err));
        if (count == 0) continue;
        VV_TRY(varve_field_read(j->from, field->name, ids, count, &v, err));
        fill(batch, there, v);
        VV_TRY(put_batch(j, field, batch, err));
    }
    return VARVE_OK;
}

/* A field that is missing is made: the rows would not be what they were without it. */
static varve_status need_field(rows_job *j, const varve_field_info *field, varve_error *err)
{
    varve_field_info there;
    const varve_field_spec spec = {.kind = field->kind,
                                   .dim = field->dim,
                                   .dtype = field->dtype,
                                   .metric = field->metric,
                                   .index_mode = field->index_mode[0] ? field->index_mode : NULL};
    varve_status status = varve_field_find(j->to, field->name, &there, err);
    return status == VARVE_NOT_FOUND ? varve_field_create(j->to, field->name, &spec, err) : status;
}

static varve_status put_fields(rows_job *j, varve_error *err)
{
    varve_field_info field;
    for (size_t i = 1;; i++) {
        varve_status status = varve_field_get(j->from, i, &field, err);
        if (status == VARVE_NOT_FOUND) return VARVE_OK;
        VV_TRY(status);
        VV_TRY(need_field(j, &field, err));
        VV_TRY(put_field(j, &field, err));
    }
}

/* ---- fields that came later ---------------------------------------------------------------- */

static varve_status empty_field(rows_job *j, const char *name, varve_error *err)
{
    varve_id ids[CHUNK];
    for (size_t at = 0; at < j->count; at += CHUNK) {
        VV_CLEANUP(rowset_freep) varve_rowset *there = NULL;
        size_t count = 0;
        VV_TRY(find_rows(j, at, &there, ids, &count, err));
        if (count) VV_TRY(varve_field_remove(j->to, name, ids, count, NULL, NULL, err));
    }
    return VARVE_OK;
}

/* The rows had no vectors in them. */
static varve_status empty_later_fields(rows_job *j, varve_error *err)
{
    varve_field_info field, there;
    for (size_t i = 1;; i++) {
        varve_status status = varve_field_get(j->to, i, &field, err);
        if (status == VARVE_NOT_FOUND) return VARVE_OK;
        VV_TRY(status);
        status = varve_field_find(j->from, field.name, &there, err);
        if (status == VARVE_NOT_FOUND) status = empty_field(j, field.name, err);
        VV_TRY(status);
    }
}

varve_status restore_some_rows(varve_collection *from, varve_collection *to,
                               const restore_some_options *o, restore_some_result *ret,
                               varve_error *err)
{
    VV_CLEANUP(job_done) rows_job j = {.from = from, .to = to, .o = o};
    VV_TRY(take_ids(&j, err));
    VV_TRY(put_rows(&j, ret, err));
    VV_TRY(put_fields(&j, err));
    return empty_later_fields(&j, err);
}
