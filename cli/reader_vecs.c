/* reader_vecs.c — the fvecs and bvecs files of the TEXMEX collections: each row is a little-endian
 * int32 that counts its values, then the values: float32 (fvecs) or uint8 (bvecs).
 * Source: http://corpus-texmex.irisa.fr/ */
#include "reader.h"

#include "base/bytes.h"

#include <stdlib.h>

typedef struct vecs {
    input *in;
    varve_dtype type;
    uint64_t rows_read;
} vecs;

static varve_status open_vecs(input *in, varve_dtype type, void **ret_state, varve_error *err)
{
    vecs *v = calloc(1, sizeof *v);
    if (!v) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a reader");
    *v = (vecs){.in = in, .type = type};
    *ret_state = v;
    return VARVE_OK;
}

static varve_status open_fvecs(input *in, const reader_options *options, void **ret_state,
                               varve_error *err)
{
    (void)options;
    return open_vecs(in, VARVE_FLOAT32, ret_state, err);
}

static varve_status open_bvecs(input *in, const reader_options *options, void **ret_state,
                               varve_error *err)
{
    (void)options;
    return open_vecs(in, VARVE_UINT8, ret_state, err);
}

static varve_status cut_short(const vecs *v, varve_error *err)
{
    return vv_fail(err, VARVE_INVALID, "%s ends in the middle of row %llu", input_name(v->in),
                   (unsigned long long)v->rows_read);
}

/* One row; *ret_more false at the end of the file. */
static varve_status next_row(vecs *v, batch *b, bool *ret_more, varve_error *err)
{
    uint8_t head[4];
    size_t got;
    void *space;
    VV_TRY(input_read(v->in, head, sizeof head, &got, err));
    *ret_more = got > 0;
    if (got == 0) return VARVE_OK;
    if (got < sizeof head) return cut_short(v, err);
    uint32_t dim = get_u32(head);
    if (dim < 1 || dim > BATCH_DIM_MAX)
        return vv_fail(err, VARVE_INVALID, "%s: row %llu cannot have %u values; 1 to %zu can be",
                       input_name(v->in), (unsigned long long)v->rows_read, dim, BATCH_DIM_MAX);
    varve_status status = batch_reserve_vectors(b, v->type, dim, 1, &space, err);
    if (status != VARVE_OK) {
        vv_error_prefix(err, "%s row %llu", input_name(v->in), (unsigned long long)v->rows_read);
        return status;
    }
    size_t row_bytes = varve_dtype_row_bytes(v->type, dim);
    VV_TRY(input_read(v->in, space, row_bytes, &got, err));
    if (got < row_bytes) return cut_short(v, err);
    batch_vectors_added(b, 1);
    v->rows_read++;
    return VARVE_OK;
}

static varve_status next_vecs(void *state, batch *b, varve_error *err)
{
    vecs *v = state;
    bool more = true;
    while (more && batch_room(b, 1) > 0)
        VV_TRY(next_row(v, b, &more, err));
    return VARVE_OK;
}

const reader_type reader_fvecs = {"fvecs", ".fvecs", open_fvecs, next_vecs, free};
const reader_type reader_bvecs = {"bvecs", ".bvecs", open_bvecs, next_vecs, free};
