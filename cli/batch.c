/* batch.c — see batch.h. */
#include "batch.h"

#include <stdlib.h>

varve_status batch_init(batch *b, size_t rows_max, varve_error *err)
{
    *b = (batch){.rows_max = rows_max, .labels_max = rows_max};
    buffer_init(&b->vectors, BATCH_BYTES_MAX, "batch of vectors");
    buffer_init(&b->text, BATCH_BYTES_MAX, "batch of ids and fields");
    b->labels = calloc(rows_max, sizeof *b->labels);
    b->ids = calloc(rows_max, sizeof *b->ids);
    b->fields = calloc(rows_max, sizeof *b->fields);
    if (b->labels && b->ids && b->fields) return VARVE_OK;
    batch_done(b);
    return vv_fail(err, VARVE_NO_MEMORY, "no memory for a batch of %zu rows", rows_max);
}

void batch_done(batch *b)
{
    buffer_done(&b->vectors);
    buffer_done(&b->text);
    free(b->labels);
    free(b->ids);
    free(b->fields);
    *b = (batch){0};
}

void batch_clear(batch *b)
{
    buffer_clear(&b->vectors);
    buffer_clear(&b->text);
    b->vectors_count = b->labels_count = 0;
}

size_t batch_room(const batch *b, size_t row_bytes)
{
    size_t rows = b->rows_max - b->vectors_count;
    if (b->vectors.len >= BATCH_BYTES_FULL || b->text.len >= BATCH_BYTES_FULL) return 0;
    size_t fit = (BATCH_BYTES_FULL - b->vectors.len) / VV_MAX(row_bytes, 1);
    return VV_MIN(rows, VV_MAX(fit, 1));
}

varve_status batch_reserve_vectors(batch *b, varve_dtype type, size_t dim, size_t n,
                                   void **ret_space, varve_error *err)
{
    if (b->dim == 0) {
        b->dim = dim;
        b->type = type;
    }
    if (b->dim != dim)
        return vv_fail(err, VARVE_INVALID, "a vector has %zu dimensions, those before it have %zu",
                       dim, b->dim);
    if (b->type != type)
        return vv_fail(err, VARVE_INVALID, "vectors of type %s follow vectors of type %s",
                       varve_dtype_name(type), varve_dtype_name(b->type));
    VV_TRY(buffer_reserve(&b->vectors, n * varve_dtype_row_bytes(type, dim), err));
    *ret_space = b->vectors.data + b->vectors.len;
    return VARVE_OK;
}

void batch_vectors_added(batch *b, size_t n)
{
    b->vectors.len += n * varve_dtype_row_bytes(b->type, b->dim);
    b->vectors_count += n;
}

varve_status batch_add_label(batch *b, const varve_id *id, varve_text fields, varve_error *err)
{
    batch_label label = {.id_at = SIZE_MAX, .fields_at = SIZE_MAX};
    batch_ids state = id ? BATCH_IDS_GIVEN : BATCH_IDS_NONE;
    size_t more = fields.len;
    if (b->labels_count == b->rows_max)
        return vv_fail(err, VARVE_LIMIT, "more than %zu rows in a batch", b->rows_max);
    if (b->ids_state != BATCH_IDS_UNKNOWN && b->ids_state != state)
        return vv_fail(err, VARVE_INVALID,
                       id ? "this row has an id, those before it have none"
                          : "this row has no id, those before it have one");
    if (id && id->kind == VARVE_ID_STR) more += id->text.len;
    VV_TRY(buffer_reserve(&b->text, more, err));
    if (id) {
        label.id_kind = id->kind;
        label.id_num = id->num;
        if (id->kind == VARVE_ID_STR) {
            label.id_at = b->text.len;
            label.id_len = id->text.len;
            VV_TRY(buffer_add(&b->text, id->text.data, id->text.len, err));
        }
    }
    if (fields.data) {
        label.fields_at = b->text.len;
        label.fields_len = fields.len;
        VV_TRY(buffer_add(&b->text, fields.data, fields.len, err));
    }
    b->ids_state = state;
    b->labels[b->labels_count++] = label;
    return VARVE_OK;
}

void batch_view(batch *b, const uint64_t *first_id, varve_rows *ret)
{
    bool any_fields = false;
    for (size_t i = 0; i < b->labels_count; i++) {
        const batch_label *label = &b->labels[i];
        b->ids[i] = (varve_id){.kind = label->id_kind, .num = label->id_num};
        if (label->id_at != SIZE_MAX)
            b->ids[i].text = (varve_text){b->text.data + label->id_at, label->id_len};
        b->fields[i] = (varve_text){NULL, 0};
        if (label->fields_at == SIZE_MAX) continue;
        b->fields[i] = (varve_text){b->text.data + label->fields_at, label->fields_len};
        any_fields = true;
    }
    *ret = (varve_rows){.count = b->vectors_count,
                        .dim = b->dim,
                        .vectors = b->vectors.data,
                        .vectors_type = b->type,
                        .fields = any_fields ? b->fields : NULL};
    if (b->labels_count > 0 && b->ids_state == BATCH_IDS_GIVEN) {
        ret->ids = b->ids;
    } else if (first_id) {
        ret->ids_from_first = true;
        ret->first_id = *first_id;
    }
}
