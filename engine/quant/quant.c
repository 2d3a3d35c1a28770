/* quant.c — the life of quantisers and queries, and their bytes.
 *
 * Bytes of a quantiser, little-endian:
 *   offset size
 *        0    8  "VARVEQNT"
 *        8    4  format version
 *       12    4  kind
 *       16    4  parameter, never 0
 *       20    4  width
 *       24    8  seed
 *       32  4 n  what was learnt, float32; n follows from the spec
 *   32 + 4n   8  XXH3-64 of all bytes before
 * Version history. 1: first. The layouts of groups belong to the version. */
#include "base/hash.h"
#include "quant/quant_private.h"

#include <math.h>
#include <stdlib.h>

#define MAGIC        "VARVEQNT"
#define VERSION      1
#define HEADER_BYTES 32
#define HASH_BYTES   8

static const quant_type *type_of(quant_kind kind)
{
    switch (kind) {
    case QUANT_KIND_SQ8: return &quant_type_sq8;
    case QUANT_KIND_PQ: return &quant_type_pq;
    case QUANT_KIND_RABITQ: return &quant_type_rabitq;
    case QUANT_KIND_POLARVEC: return &quant_type_polarvec;
    default: return NULL;
    }
}

varve_status quant_alloc(size_t bytes, void **ret, varve_error *err)
{
    size_t whole = size_align(VV_MAX(bytes, (size_t)1), QUANT_ALIGNMENT);
    void *memory = aligned_alloc(QUANT_ALIGNMENT, whole);
    if (!memory) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %zu bytes of codes", bytes);
    memset(memory, 0, whole);
    *ret = memory;
    return VARVE_OK;
}

/* A quantiser that has learnt nothing yet. */
static varve_status quantiser_new(const quant_spec *spec, quantiser **ret, varve_error *err)
{
    const quant_type *type = type_of(spec->kind);
    if (!type) return vv_fail(err, VARVE_INVALID, "no quantiser of kind %d", (int)spec->kind);
    if (spec->width == 0 || spec->width > QUANT_WIDTH_MAX)
        return vv_fail(err, VARVE_INVALID, "a quantiser of %u coordinates, not 1 to %d",
                       spec->width, QUANT_WIDTH_MAX);
    VV_CLEANUP(quantiser_freep) quantiser *q = calloc(1, sizeof *q);
    if (!q) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a quantiser");
    q->spec = *spec;
    q->type = type;
    q->isa = quant_isa_choose();
    VV_TRY(type->prepare(q, err));
    *ret = q;
    q = NULL;
    return VARVE_OK;
}

static varve_status alloc_learnt(quantiser *q, varve_error *err)
{
    void *memory;
    VV_TRY(quant_alloc((q->learnt_count + q->spec.width) * sizeof *q->learnt, &memory, err));
    q->learnt = memory;
    q->zeros = q->learnt + q->learnt_count;
    return VARVE_OK;
}

size_t quant_sample_rows(const quant_spec *spec)
{
    const quant_type *type = type_of(spec->kind);
    return type ? type->sample_rows : 0;
}

varve_status quantiser_train(const quant_spec *spec, const float *sample, size_t n,
                             thread_pool *pool, quantiser **ret, varve_error *err)
{
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    VV_TRY(quantiser_new(spec, &q, err));
    VV_TRY(alloc_learnt(q, err));
    if (q->type->train && n == 0)
        return vv_fail(err, VARVE_INVALID, "%s needs a sample", q->type->name);
    if (q->type->train) VV_TRY(q->type->train(q, sample, n, pool, err));
    *ret = q;
    q = NULL;
    return VARVE_OK;
}

void quantiser_free(quantiser *q)
{
    if (!q) return;
    rotation_done(&q->rotation);
    free(q->learnt);
    free(q);
}

void quantiser_freep(quantiser **q) { quantiser_free(*q); }

const quant_spec *quantiser_spec(const quantiser *q) { return &q->spec; }

/* ---- bytes --------------------------------------------------------------------------------- */

varve_status quantiser_save(const quantiser *q, buffer *out, varve_error *err)
{
    uint8_t header[HEADER_BYTES] = MAGIC, hash[HASH_BYTES];
    size_t before = out->len, bytes = q->learnt_count * sizeof *q->learnt;
    put_u32(header + 8, VERSION);
    put_u32(header + 12, (uint32_t)q->spec.kind);
    put_u32(header + 16, q->spec.parameter);
    put_u32(header + 20, q->spec.width);
    put_u64(header + 24, q->spec.seed);
    VV_TRY(buffer_reserve(out, HEADER_BYTES + bytes + HASH_BYTES, err));
    VV_TRY(buffer_add(out, header, HEADER_BYTES, err));
    if (bytes) VV_TRY(buffer_add(out, q->learnt, bytes, err));
    put_u64(hash, hash_bytes(out->data + before, out->len - before));
    return buffer_add(out, hash, HASH_BYTES, err);
}

static varve_status check_header(const uint8_t *bytes, size_t len, varve_error *err)
{
    if (len < HEADER_BYTES + HASH_BYTES || memcmp(bytes, MAGIC, 8) != 0)
        return vv_fail(err, VARVE_CORRUPT, "these %zu bytes are no quantiser", len);
    if (get_u32(bytes + 8) != VERSION)
        return vv_fail(err, VARVE_CORRUPT, "a quantiser of version %u, not %d", get_u32(bytes + 8),
                       VERSION);
    if (get_u64(bytes + len - HASH_BYTES) != hash_bytes(bytes, len - HASH_BYTES))
        return vv_fail(err, VARVE_CORRUPT, "a quantiser does not match its checksum");
    return VARVE_OK;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return false;
    }
    return true;
}

varve_status quantiser_open(const void *bytes, size_t len, quantiser **ret, varve_error *err)
{
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    const uint8_t *p = bytes;
    VV_TRY(check_header(p, len, err));
    const quant_spec spec = {.kind = (quant_kind)get_u32(p + 12),
                             .parameter = get_u32(p + 16),
                             .width = get_u32(p + 20),
                             .seed = get_u64(p + 24)};
    varve_status status = quantiser_new(&spec, &q, err);
    if (status == VARVE_INVALID || (q && q->spec.parameter != spec.parameter))
        return vv_fail(err, VARVE_CORRUPT, "a quantiser of kind %u, parameter %u and width %u",
                       get_u32(p + 12), spec.parameter, spec.width);
    VV_TRY(status);
    if (len - HEADER_BYTES - HASH_BYTES != q->learnt_count * sizeof *q->learnt)
        return vv_fail(err, VARVE_CORRUPT, "a quantiser of %zu bytes, not %zu", len,
                       HEADER_BYTES + HASH_BYTES + q->learnt_count * sizeof *q->learnt);
    VV_TRY(alloc_learnt(q, err));
    memcpy(q->learnt, p + HEADER_BYTES, q->learnt_count * sizeof *q->learnt);
    if (!all_finite(q->learnt, q->learnt_count))
        return vv_fail(err, VARVE_CORRUPT, "a quantiser has learnt what is no finite number");
    *ret = q;
    q = NULL;
    return VARVE_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

size_t quantiser_group_bytes(const quantiser *q) { return q->group_bytes; }

void quantiser_encode(const quantiser *q, const float *rows, size_t n, uint8_t *ret_group)
{
    const float *all[QUANT_GROUP];
    for (size_t i = 0; i < QUANT_GROUP; i++)
        all[i] = i < n ? rows + i * q->spec.width : q->zeros;
    memset(ret_group, 0, q->group_bytes);
    q->type->encode(q, all, ret_group);
}

void quantiser_decode(const quantiser *q, const uint8_t *group, size_t i, float *ret)
{
    q->type->decode(q, group, i, ret);
}

/* ---- queries ------------------------------------------------------------------------------- */

varve_status quant_query_new(const quantiser *q, const float *query, quant_query **ret,
                             varve_error *err)
{
    VV_CLEANUP(quant_query_freep) quant_query *made = calloc(1, sizeof *made);
    if (!made) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    made->quantiser = q;
    VV_TRY(q->type->query(made, query, err));
    *ret = made;
    made = NULL;
    return VARVE_OK;
}

void quant_query_free(quant_query *q)
{
    if (!q) return;
    free(q->memory);
    free(q);
}

void quant_query_freep(quant_query **q) { quant_query_free(*q); }

void quant_scan(const quant_query *q, const uint8_t *groups_bytes, size_t groups, float *ret)
{
    const quantiser *of = q->quantiser;
    for (size_t g = 0; g < groups; g++)
        of->type->scan(q, groups_bytes + g * of->group_bytes, ret + g * QUANT_GROUP);
}

float quant_error(const quant_query *q, const uint8_t *group, size_t i, float estimate)
{
    const quantiser *of = q->quantiser;
    return of->type->error ? of->type->error(q, group, i, estimate) : INFINITY;
}

uint32_t quant_near(const quant_query *q, const uint8_t *group, const float *estimates,
                    const float *limits)
{
    const quantiser *of = q->quantiser;
    return of->type->near ? of->type->near(q, group, estimates, limits) : UINT32_MAX;
}
