/* index_groups.c — rows to codes, a batch at a time; see index_groups.h. */
#include "index/index_groups.h"

#include <stdlib.h>
#include <string.h>

#define PART_GROUPS 32 /* of one task */
#define PART_ROWS   (PART_GROUPS * QUANT_GROUP)
#define BATCH_PARTS 16 /* tasks between two writes */
#define SAVED_MAX   ((size_t)1 << 30)

/* ---- the sample ---------------------------------------------------------------------------- */

varve_status index_groups_sample(const index_build_context *c, const index_groups_source *s,
                                 size_t most, float **ret, size_t *ret_count, varve_error *err)
{
    const index_rows *rows = c->rows;
    size_t count = VV_MIN(most, (size_t)rows->count);
    VV_CLEANUP(vv_freep) float *sample = calloc(count + 1, s->width * sizeof *sample);
    if (!sample) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a sample of rows");
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = (uint32_t)((uint64_t)i * rows->count / count);
        const uint8_t *row;
        float norm;
        VV_TRY(rows->get(rows->context, slot, 1, &row, err));
        s->convert(s->model, row, 1, sample + i * s->width, &norm);
    }
    *ret = sample;
    *ret_count = count;
    sample = NULL;
    return VARVE_OK;
}

varve_status index_groups_train(const index_build_context *c, const index_groups_source *s,
                                const quant_spec *spec, quantiser **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *sample = NULL;
    size_t count;
    VV_TRY(index_groups_sample(c, s, quant_sample_rows(spec), &sample, &count, err));
    VV_TRY(index_step(c, "train", 0, 1, 0, err));
    VV_TRY(quantiser_train(spec, sample, count, c->pool, ret, err));
    return index_step(c, "train", 1, 1, 0, err);
}

/* ---- codes --------------------------------------------------------------------------------- */

typedef struct batch {
    const index_build_context *c;
    const index_groups_source *source;
    const quantiser *q;
    const uint32_t *slots; /* NULL: rows in their order */
    uint64_t first, count; /* rows of the batch */
    float *norms;          /* of the batch, or NULL */
    float *floats;         /* BATCH_PARTS groups of scratch */
    uint8_t *codes;        /* of the batch */
    varve_status statuses[BATCH_PARTS];
    varve_error errors[BATCH_PARTS];
} batch;

static varve_status convert_group(const batch *b, uint64_t at, size_t n, float *floats,
                                  varve_error *err)
{
    const index_rows *rows = b->c->rows;
    const index_groups_source *s = b->source;
    float unused[QUANT_GROUP], *norms = b->norms ? b->norms + at : unused;
    size_t run = b->slots ? 1 : n;
    for (size_t i = 0; i < n; i += run) {
        uint32_t slot = b->slots ? b->slots[b->first + at + i] : (uint32_t)(b->first + at + i);
        const uint8_t *bytes;
        if (slot == INDEX_GROUPS_NO_SLOT) {
            memset(floats + i * s->width, 0, s->width * sizeof *floats);
            norms[i] = 0;
            continue;
        }
        VV_TRY(rows->get(rows->context, slot, (uint32_t)run, &bytes, err));
        s->convert(s->model, bytes, run, floats + i * s->width, norms + i);
    }
    return VARVE_OK;
}

static varve_status encode_part(const batch *b, size_t part, varve_error *err)
{
    float *floats = b->floats + part * QUANT_GROUP * b->source->width;
    uint64_t end = VV_MIN((part + 1) * (uint64_t)PART_ROWS, b->count);
    for (uint64_t at = part * (uint64_t)PART_ROWS; at < end; at += QUANT_GROUP) {
        size_t n = (size_t)VV_MIN((uint64_t)QUANT_GROUP, end - at);
        VV_TRY(convert_group(b, at, n, floats, err));
        quantiser_encode(b->q, floats, n,
                         b->codes + at / QUANT_GROUP * quantiser_group_bytes(b->q));
    }
    return VARVE_OK;
}

static void encode_main(void *context, size_t part)
{
    batch *b = context;
    b->statuses[part] = encode_part(b, part, &b->errors[part]);
}

static varve_status put_batch(batch *b, varve_error *err)
{
    size_t parts = (size_t)((b->count + PART_ROWS - 1) / PART_ROWS);
    size_t bytes = (size_t)index_groups_count(b->count) * quantiser_group_bytes(b->q);
    pool_run(b->c->pool, parts, encode_main, b);
    for (size_t i = 0; i < parts; i++) {
        if (b->statuses[i] == VARVE_OK) continue;
        if (err) *err = b->errors[i];
        return b->statuses[i];
    }
    return index_file_put(b->c->out, b->codes, bytes, err);
}

static void batch_done(batch *b)
{
    free(b->floats);
    free(b->codes);
}

varve_status index_groups_put(const index_build_context *c, const index_groups_source *s,
                              const quantiser *q, const uint32_t *slots, uint64_t count,
                              float *ret_norms, varve_error *err)
{
    VV_CLEANUP(batch_done) batch b = {.c = c, .source = s, .q = q, .slots = slots};
    size_t stride = varve_dtype_row_bytes(c->rows->dtype, c->rows->dim);
    b.floats = calloc(BATCH_PARTS * QUANT_GROUP, s->width * sizeof *b.floats);
    b.codes = aligned_alloc(64, BATCH_PARTS * PART_GROUPS * quantiser_group_bytes(q));
    if (!b.floats || !b.codes) return vv_fail(err, VARVE_NO_MEMORY, "no memory to encode rows");
    for (; b.first < count; b.first += b.count) {
        b.count = VV_MIN((uint64_t)BATCH_PARTS * PART_ROWS, count - b.first);
        b.norms = ret_norms ? ret_norms + b.first : NULL;
        VV_TRY(put_batch(&b, err));
        VV_TRY(index_step(c, "codes", b.first + b.count, count, b.count * stride, err));
    }
    return VARVE_OK;
}

uint64_t index_groups_put_bytes(uint32_t width)
{
    return BATCH_PARTS * (sizeof(float) + PART_GROUPS) * QUANT_GROUP * ((uint64_t)width + 128);
}

/* ---- the quantiser ------------------------------------------------------------------------- */

varve_status index_groups_put_quantiser(const index_build_context *c, const quantiser *q,
                                        varve_error *err)
{
    VV_CLEANUP(buffer_done) buffer saved;
    buffer_init(&saved, SAVED_MAX, "what a quantiser learnt");
    VV_TRY(quantiser_save(q, &saved, err));
    return index_file_add(c->out, INDEX_QUANTISER, saved.data, saved.len, err);
}

varve_status index_groups_open_quantiser(index_file *f, quant_kind kind, uint32_t width,
                                         quantiser **ret, varve_error *err)
{
    const uint8_t *bytes;
    uint64_t size;
    quantiser *q;
    VV_TRY(index_file_need(f, INDEX_QUANTISER, 1, SAVED_MAX, "quantiser", &bytes, &size, err));
    varve_status status = quantiser_open(bytes, size, &q, NULL);
    if (status == VARVE_NO_MEMORY) return vv_fail(err, status, "no memory for a quantiser");
    if (status != VARVE_OK) return index_file_bad(f, "the quantiser makes no sense", err);
    if (quantiser_spec(q)->kind != kind || quantiser_spec(q)->width != width) {
        quantiser_free(q);
        return index_file_bad(f, "the quantiser is not that of the mode", err);
    }
    *ret = q;
    return VARVE_OK;
}
