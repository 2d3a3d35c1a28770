/* index_bits.c — rows packed to bits, written, scanned; see index_bits.h. */
#include "index/index_bits.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

#define SCAN_ROWS  1024
#define WORD_SLOTS 64
#define PART_ROWS  4096 /* of one task */
#define SLICE      (64 * PART_ROWS)

/* ---- pack ---------------------------------------------------------------------------------- */

static void pack_row(const float *x, uint32_t dim, uint8_t *ret)
{
    for (uint32_t at = 0; at < dim; at += 8) {
        uint32_t n = VV_MIN(dim - at, 8u);
        unsigned byte = 0;
        for (uint32_t i = 0; i < n; i++)
            byte |= (unsigned)(x[at + i] > 0.5f) << i;
        ret[at / 8] = (uint8_t)byte;
    }
}

void index_bits_pack(varve_dtype dtype, uint32_t dim, const uint8_t *rows, size_t n, uint8_t *ret)
{
    enum { PIECE = 256 }; /* coordinates; a multiple of 8 */
    size_t from = varve_dtype_row_bytes(dtype, dim), to = varve_dtype_row_bytes(VARVE_BINARY, dim);
    float x[PIECE];
    for (size_t i = 0; i < n; i++) {
        for (uint32_t at = 0; at < dim; at += PIECE) {
            uint32_t part = VV_MIN(dim - at, (uint32_t)PIECE);
            distance_row_floats(dtype, part, rows + i * from + varve_dtype_row_bytes(dtype, at), x);
            pack_row(x, part, ret + i * to + at / 8);
        }
    }
}

typedef struct pack {
    const index_build_context *c;
    uint32_t first, count;
    uint8_t *to; /* of the first row */
    varve_status statuses[SLICE / PART_ROWS];
    varve_error errors[SLICE / PART_ROWS];
} pack;

static varve_status pack_part(const pack *p, size_t part, varve_error *err)
{
    const index_rows *rows = p->c->rows;
    uint32_t first = (uint32_t)part * PART_ROWS, n = VV_MIN(p->count - first, (uint32_t)PART_ROWS);
    const uint8_t *bytes;
    VV_TRY(rows->get(rows->context, p->first + first, n, &bytes, err));
    index_bits_pack(rows->dtype, rows->dim, bytes, n,
                    p->to + first * varve_dtype_row_bytes(VARVE_BINARY, rows->dim));
    return VARVE_OK;
}

static void pack_main(void *context, size_t part)
{
    pack *p = context;
    p->statuses[part] = pack_part(p, part, &p->errors[part]);
}

static varve_status pack_slice(pack *p, varve_error *err)
{
    size_t parts = (p->count + PART_ROWS - 1) / PART_ROWS;
    pool_run(p->c->pool, parts, pack_main, p);
    for (size_t i = 0; i < parts; i++) {
        if (p->statuses[i] == VARVE_OK) continue;
        if (err) *err = p->errors[i];
        return p->statuses[i];
    }
    return VARVE_OK;
}

varve_status index_bits_pack_all(const index_build_context *c, uint8_t **ret, varve_error *err)
{
    uint32_t count = c->rows->count;
    size_t stride = varve_dtype_row_bytes(VARVE_BINARY, c->rows->dim);
    size_t from = varve_dtype_row_bytes(c->rows->dtype, c->rows->dim);
    VV_CLEANUP(vv_freep) uint8_t *bits = calloc(count, stride);
    VV_CLEANUP(vv_freep) pack *p = calloc(1, sizeof *p);
    if (!bits || !p) return vv_fail(err, VARVE_NO_MEMORY, "no memory for the bits of rows");
    p->c = c;
    for (; p->first < count; p->first += p->count) {
        p->count = VV_MIN(count - p->first, (uint32_t)SLICE);
        p->to = bits + p->first * stride;
        VV_TRY(pack_slice(p, err));
        VV_TRY(index_step(c, "bits", p->first + p->count, count, p->count * from, err));
    }
    *ret = bits;
    bits = NULL;
    return VARVE_OK;
}

/* ---- open ---------------------------------------------------------------------------------- */

varve_status index_bits_open(index_bits *b, const index_spec *spec, index_file *f, uint64_t count,
                             varve_error *err)
{
    *b = (index_bits){.metric = spec->mode.metric, .dim = spec->dim, .count = count};
    b->slots = index_file_rows(f);
    b->stride = varve_dtype_row_bytes(VARVE_BINARY, spec->dim);
    return index_bytes_init(&b->rows, f, INDEX_BITS, count * b->stride, "bits of rows", err);
}

/* ---- scan ---------------------------------------------------------------------------------- */

typedef struct scan {
    const index_bits *bits;
    const distance_query *prepared;
    const index_query *q;
    index_certain_hits *hits;
    double limit; /* the limit of hits that `worst` belongs to */
    double worst; /* scores above it are certainly behind the limit */
} scan;

/* Lower ends grow with scores: a score above the limit by twice its error is behind it. */
static void follow_limit(scan *s)
{
    s->limit = s->hits->limit;
    s->worst = s->limit;
    if (isfinite(s->limit)) s->worst += 2 * distance_scan_error(s->prepared, (float)s->limit, 0);
}

static bool is_out(const index_query *q, uint32_t slot)
{
    return slot == q->skip || (q->hidden && tombstones_has(q->hidden, slot));
}

static varve_status take_row(scan *s, uint32_t slot, float score, varve_error *err)
{
    double error = distance_scan_error(s->prepared, score, 0), key = (double)score;
    index_certain_keys keys = {key - error, key + error, key};
    if (is_out(s->q, slot) || keys.lower > s->hits->limit) return VARVE_OK;
    VV_TRY(index_certain_take(s->hits, slot, &keys, err));
    follow_limit(s);
    return VARVE_OK;
}

/* Rows [first, first + n) that are hidden, or the one to skip. */
static uint64_t count_out(const scan *s, uint64_t first, uint64_t n)
{
    uint64_t out = s->q->skip - first < n;
    for (uint64_t at = first - first % WORD_SLOTS; s->q->hidden && at < first + n;
         at += WORD_SLOTS) {
        uint64_t word = tombstones_word(s->q->hidden, at);
        if (at < first) word &= UINT64_MAX << (first - at);
        if (at + WORD_SLOTS > first + n) word &= UINT64_MAX >> (at + WORD_SLOTS - first - n);
        out += (uint64_t)__builtin_popcountll(word);
    }
    return out;
}

static varve_status count_listed_out(const scan *s, const uint8_t *listed, uint64_t n,
                                     uint64_t *ret, varve_error *err)
{
    uint64_t out = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint32_t slot = get_u32(listed + 4 * i);
        if (slot >= s->bits->slots)
            return index_file_bad(s->bits->rows.file, "a slot that the segment does not have", err);
        out += is_out(s->q, slot);
    }
    *ret = out;
    return VARVE_OK;
}

static varve_status scan_block(scan *s, const uint8_t *listed, uint64_t first, size_t n,
                               varve_error *err)
{
    float scores[SCAN_ROWS];
    const uint8_t *bits;
    VV_TRY(
        index_bytes_get(&s->bits->rows, first * s->bits->stride, n * s->bits->stride, &bits, err));
    distance_scan(s->prepared, bits, n, scores);
    for (size_t i = 0; i < n; i++) {
        if ((double)scores[i] > s->worst) continue;
        VV_TRY(
            take_row(s, listed ? get_u32(listed + 4 * i) : (uint32_t)(first + i), scores[i], err));
    }
    return VARVE_OK;
}

varve_status index_bits_scan(const index_bits *b, const distance_query *prepared,
                             const index_query *q, const index_bytes *slots, uint64_t first,
                             uint64_t count, index_certain_hits *hits, index_work *work,
                             varve_error *err)
{
    scan s = {.bits = b, .prepared = prepared, .q = q, .hits = hits};
    follow_limit(&s);
    for (uint64_t done = 0; done < count; done += SCAN_ROWS) {
        uint64_t at = first + done, n = VV_MIN((uint64_t)SCAN_ROWS, count - done);
        uint64_t out = slots ? 0 : count_out(&s, at, n);
        const uint8_t *listed = NULL;
        VV_TRY(index_in_time(q, err));
        if (slots) VV_TRY(index_bytes_get(slots, at * 4, n * 4, &listed, err));
        if (slots) VV_TRY(count_listed_out(&s, listed, n, &out, err));
        work->codes += n - out;
        if (out < n) VV_TRY(scan_block(&s, listed, at, (size_t)n, err));
    }
    return VARVE_OK;
}

/* ---- check --------------------------------------------------------------------------------- */

varve_status index_bits_check(const index_bits *b, const index_rows *rows, const index_bytes *slots,
                              varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *expected = calloc(1, b->stride);
    if (!expected) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check an index");
    for (uint64_t i = 0; i < b->count; i++) {
        const uint8_t *bits, *row, *listed;
        uint32_t slot = (uint32_t)i;
        VV_TRY(index_bytes_get(&b->rows, i * b->stride, b->stride, &bits, err));
        if (slots) {
            VV_TRY(index_bytes_get(slots, i * 4, 4, &listed, err));
            slot = get_u32(listed);
        }
        if (slot >= b->slots)
            return index_file_bad(b->rows.file, "a slot that the segment does not have", err);
        VV_TRY(rows->get(rows->context, slot, 1, &row, err));
        index_bits_pack(rows->dtype, rows->dim, row, 1, expected);
        if (memcmp(bits, expected, b->stride) != 0)
            return vv_fail(err, VARVE_CORRUPT, "index %s: the bits of row %u are of another row",
                           index_file_path(b->rows.file), slot);
    }
    return VARVE_OK;
}
