/* flat.c — the type that scans short codes of all rows; see flat.h. */
#include "index/flat.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>

#define SCAN_GROUPS 32 /* one call of the kernel */
#define WORD_SLOTS  64

/* ---- build --------------------------------------------------------------------------------- */

static quant_spec quant_spec_of(const index_spec *s, uint32_t width, uint64_t seed)
{
    static const quant_kind kinds[] = {[QUANT_PQ] = QUANT_KIND_PQ,
                                       [QUANT_RABITQ] = QUANT_KIND_RABITQ,
                                       [QUANT_POLARVEC] = QUANT_KIND_POLARVEC};
    return (quant_spec){.kind = kinds[s->mode.quantiser],
                        .parameter = s->mode.parameter,
                        .width = width,
                        .seed = seed};
}

static void convert(const void *model, const uint8_t *rows, size_t n, float *ret, float *ret_norms)
{
    (void)ret_norms;
    space_rows(model, rows, n, ret);
}

static varve_status put_model(const index_build_context *c, const space *s, varve_error *err)
{
    uint8_t bytes[FLAT_MODEL_BYTES] = {0};
    put_u32(bytes, s->width);
    memcpy(bytes + 8, &s->norm_max, sizeof s->norm_max);
    memcpy(bytes + 16, &s->scale, sizeof s->scale);
    return index_file_add(c->out, INDEX_MODEL, bytes, sizeof bytes, err);
}

static varve_status build(const index_build_context *c, varve_error *err)
{
    space s;
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    VV_TRY(space_init(&s, c->spec->mode.metric, c->rows, err));
    VV_TRY(space_fit(&s, c->rows, err));
    index_groups_source source = {convert, &s, s.width};
    quant_spec spec = quant_spec_of(c->spec, s.width, c->options->seed);
    VV_TRY(index_groups_train(c, &source, &spec, &q, err));
    VV_TRY(index_groups_put_quantiser(c, q, err));
    VV_TRY(put_model(c, &s, err));
    VV_TRY(index_file_begin(c->out, INDEX_CODES, INDEX_ALIGNMENT, err));
    return index_groups_put(c, &source, q, NULL, c->rows->count, NULL, err);
}

static uint64_t build_bytes(const index_spec *spec, uint64_t rows)
{
    quant_spec s = quant_spec_of(spec, spec->dim + 1, 0);
    uint64_t sample = VV_MIN((uint64_t)quant_sample_rows(&s), rows);
    return 2 * sample * (spec->dim + 1) * sizeof(float) + index_groups_put_bytes(spec->dim + 1);
}

/* ---- open ---------------------------------------------------------------------------------- */

static varve_status read_model(flat *x, const index_spec *spec, index_file *f, varve_error *err)
{
    const uint8_t *bytes;
    uint64_t size;
    VV_TRY(index_file_need(f, INDEX_MODEL, FLAT_MODEL_BYTES, FLAT_MODEL_BYTES, "model of codes",
                           &bytes, &size, err));
    x->space = (space){.metric = spec->mode.metric,
                       .dtype = spec->dtype,
                       .dim = spec->dim,
                       .width = get_u32(bytes),
                       .norm_max = get_f64(bytes + 8),
                       .scale = get_f64(bytes + 16)};
    if (!space_ok(&x->space))
        return index_file_bad(f, "the space of the codes makes no sense", err);
    return VARVE_OK;
}

static varve_status open_into(flat *x, const index_spec *spec, index_file *f, varve_error *err)
{
    uint64_t size;
    x->rows = index_file_rows(f);
    VV_TRY(read_model(x, spec, f, err));
    VV_TRY(index_groups_open_quantiser(f, quant_spec_of(spec, 0, 0).kind, x->space.width,
                                       &x->quantiser, err));
    if (!size_mul(index_groups_count(x->rows), quantiser_group_bytes(x->quantiser), &size))
        return index_file_bad(f, "more codes than can be", err);
    return index_bytes_init(&x->codes, f, INDEX_CODES, size, "codes", err);
}

static void close_state(void *state)
{
    flat *x = state;
    index_bytes_done(&x->codes);
    quantiser_free(x->quantiser);
    free(x);
}

static varve_status open_state(const index_spec *spec, index_file *f, void **ret_state,
                               varve_error *err)
{
    flat *x = calloc(1, sizeof *x);
    if (!x) return vv_fail(err, VARVE_NO_MEMORY, "no memory to open an index");
    varve_status status = open_into(x, spec, f, err);
    if (status == VARVE_OK)
        *ret_state = x;
    else
        close_state(x);
    return status;
}

/* ---- search -------------------------------------------------------------------------------- */

static size_t hits_max(const void *state, const index_query *q, uint32_t breadth)
{
    size_t rows = (size_t)((const flat *)state)->rows;
    return VV_MIN(VV_MAX((size_t)breadth, q->k), rows);
}

static size_t breadths(const void *state, uint32_t k, uint32_t *ret, size_t max)
{
    static const double factors[] = {1,  1.5, 2,  3,  4,  6,   8,   12, 16,
                                     24, 32,  48, 64, 96, 128, 192, 256};
    uint64_t rows = ((const flat *)state)->rows;
    size_t count = 0;
    for (size_t i = 0; i < VV_COUNT(factors) && count < max; i++) {
        uint64_t breadth = VV_MIN((uint64_t)ceil(factors[i] * k), rows);
        if (count == 0 || breadth > ret[count - 1]) ret[count++] = (uint32_t)breadth;
    }
    return count;
}

typedef struct scan {
    const flat *x;
    const index_query *q;
    const quant_query *codes;
    flat_best best;
    index_work *work;
} scan;

static uint32_t visible_slots(const scan *s, uint64_t first)
{
    uint64_t word = first - first % WORD_SLOTS, left = s->x->rows - first;
    uint32_t mask = (uint32_t)(~tombstones_word(s->q->hidden, word) >> first % WORD_SLOTS);
    if (left < QUANT_GROUP) mask &= (UINT32_C(1) << left) - 1;
    if (s->q->skip - first < QUANT_GROUP) mask &= ~(UINT32_C(1) << (s->q->skip - first));
    return mask;
}

static void offer_group(scan *s, uint64_t first, uint32_t mask, const float *estimates)
{
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        flat_best_push(&s->best, estimates[i], (uint32_t)first + i);
    }
}

/* Groups [first, first + n), n at most SCAN_GROUPS. */
static varve_status scan_groups(scan *s, uint64_t first, size_t n, varve_error *err)
{
    float estimates[SCAN_GROUPS * QUANT_GROUP];
    uint32_t masks[SCAN_GROUPS], any = 0;
    size_t bytes = quantiser_group_bytes(s->x->quantiser);
    const uint8_t *codes;
    for (size_t i = 0; i < n; i++) {
        masks[i] = visible_slots(s, (first + i) * QUANT_GROUP);
        any |= masks[i];
        s->work->codes += (uint64_t)__builtin_popcount(masks[i]);
    }
    if (!any) return VARVE_OK;
    VV_TRY(index_bytes_get(&s->x->codes, first * bytes, n * bytes, &codes, err));
    quant_scan(s->codes, codes, n, estimates);
    for (size_t i = 0; i < n; i++)
        offer_group(s, (first + i) * QUANT_GROUP, masks[i], estimates + i * QUANT_GROUP);
    return VARVE_OK;
}

static varve_status scan_all(scan *s, varve_error *err)
{
    uint64_t groups = index_groups_count(s->x->rows);
    for (uint64_t first = 0; first < groups; first += SCAN_GROUPS) {
        VV_TRY(index_in_time(s->q, err));
        VV_TRY(scan_groups(s, first, (size_t)VV_MIN((uint64_t)SCAN_GROUPS, groups - first), err));
    }
    flat_best_end(&s->best);
    return VARVE_OK;
}

static varve_status prepare(const flat *x, const float *values, quant_query **ret, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *point = malloc(x->space.width * sizeof *point);
    if (!point) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a query");
    space_query(&x->space, values, point);
    return quant_query_new(x->quantiser, point, ret, err);
}

static void scan_done(scan *s) { flat_best_done(&s->best); }

static varve_status search(void *state, const index_rows *rows, const index_query *q,
                           uint32_t breadth, index_hit *ret, size_t *ret_count, index_work *work,
                           varve_error *err)
{
    const flat *x = state;
    VV_CLEANUP(quant_query_freep) quant_query *codes = NULL;
    VV_CLEANUP(scan_done) scan s = {.x = x, .q = q, .work = work};
    (void)rows;
    VV_TRY(prepare(x, q->values, &codes, err));
    s.codes = codes;
    VV_TRY(flat_best_init(&s.best, hits_max(x, q, breadth), err));
    VV_TRY(scan_all(&s, err));
    double norm = distance_norm(VARVE_FLOAT32, x->space.dim, q->values);
    for (size_t i = 0; i < s.best.count; i++) {
        double key = space_key(&x->space, (double)s.best.hits[i].key, norm);
        ret[i] = (index_hit){s.best.hits[i].slot, (float)key};
    }
    *ret_count = s.best.count;
    return VARVE_OK;
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint64_t load_bytes(const void *state)
{
    return index_bytes_to_load(&((const flat *)state)->codes);
}

static varve_status load(void *state, varve_error *err)
{
    return index_bytes_load(&((flat *)state)->codes, err);
}

static uint64_t memory_bytes(const void *state)
{
    return index_bytes_loaded(&((const flat *)state)->codes);
}

const index_type index_type_flat = {.name = "flat",
                                    .nested = true,
                                    .build = build,
                                    .open = open_state,
                                    .close = close_state,
                                    .hits_max = hits_max,
                                    .search = search,
                                    .breadths = breadths,
                                    .load_bytes = load_bytes,
                                    .load = load,
                                    .memory_bytes = memory_bytes,
                                    .check = flat_check,
                                    .build_bytes = build_bytes};
