/* fresh_codes.c — sections of SQ8 codes: built, opened, loaded, scanned; see fresh.h. */
#include "index/fresh.h"

#include "base/bytes.h"

#include <stdlib.h>

#define SCAN_GROUPS 32 /* one call of the kernel */
#define WORD_SLOTS  64

static void convert(const void *model, const uint8_t *rows, size_t n, float *ret, float *ret_norms)
{
    index_certain_rows(model, rows, n, ret, ret_norms);
}

/* ---- build --------------------------------------------------------------------------------- */

static bool has_norms(varve_metric metric, const float *norms, uint64_t count)
{
    if (metric != VARVE_METRIC_COSINE) return metric == VARVE_METRIC_IP;
    for (uint64_t i = 0; i < count; i++) {
        if (norms[i] == 0) return true;
    }
    return false;
}

static varve_status put_model(const index_build_context *c, const index_certain *m,
                              varve_error *err)
{
    uint8_t bytes[FRESH_MODEL_BYTES] = {0};
    put_u64(bytes, (uint64_t)(int64_t)m->exponent);
    return index_file_add(c->out, INDEX_MODEL, bytes, sizeof bytes, err);
}

varve_status fresh_codes_build(const index_build_context *c, const uint32_t *slots, uint64_t count,
                               varve_error *err)
{
    index_certain model;
    index_groups_source source = {convert, &model, c->rows->dim};
    quant_spec spec = {.kind = QUANT_KIND_SQ8, .width = c->rows->dim, .seed = c->options->seed};
    VV_CLEANUP(quantiser_freep) quantiser *q = NULL;
    VV_CLEANUP(vv_freep) float *norms = calloc(count + 1, sizeof *norms);
    if (!norms) return vv_fail(err, VARVE_NO_MEMORY, "no memory for norms of rows");
    VV_TRY(index_certain_init(&model, c->spec->mode.metric, c->rows, err));
    VV_TRY(index_groups_train(c, &source, &spec, &q, err));
    VV_TRY(index_groups_put_quantiser(c, q, err));
    VV_TRY(put_model(c, &model, err));
    VV_TRY(index_file_begin(c->out, INDEX_CODES, INDEX_ALIGNMENT, err));
    VV_TRY(index_groups_put(c, &source, q, slots, count, norms, err));
    if (!has_norms(model.metric, norms, count)) return VARVE_OK;
    return index_file_add(c->out, INDEX_NORMS, norms, count * sizeof *norms, err);
}

uint64_t fresh_codes_build_bytes(const index_spec *spec, uint64_t rows)
{
    quant_spec s = {.kind = QUANT_KIND_SQ8, .width = spec->dim};
    uint64_t sample = VV_MIN((uint64_t)quant_sample_rows(&s), rows);
    return sample * spec->dim * sizeof(float) + rows * sizeof(float) +
           index_groups_put_bytes(spec->dim);
}

/* ---- open ---------------------------------------------------------------------------------- */

static varve_status read_model(fresh_codes *k, const index_spec *spec, index_file *f,
                               varve_error *err)
{
    const uint8_t *bytes;
    uint64_t size;
    VV_TRY(index_file_need(f, INDEX_MODEL, FRESH_MODEL_BYTES, FRESH_MODEL_BYTES, "model of codes",
                           &bytes, &size, err));
    int64_t exponent = (int64_t)get_u64(bytes);
    if (!index_certain_exponent_ok(exponent))
        return index_file_bad(f, "the scale of the codes makes no sense", err);
    k->model = (index_certain){.metric = spec->mode.metric,
                               .dtype = spec->dtype,
                               .dim = spec->dim,
                               .exponent = (int)exponent};
    return VARVE_OK;
}

static varve_status place_codes(fresh_codes *k, index_file *f, varve_error *err)
{
    uint64_t groups = index_groups_count(k->rows), size;
    bool norms = k->model.metric == VARVE_METRIC_IP || (k->model.metric == VARVE_METRIC_COSINE &&
                                                        index_file_section(f, INDEX_NORMS, &size));
    if (!size_mul(groups, quantiser_group_bytes(k->quantiser), &size))
        return index_file_bad(f, "more codes than can be", err);
    VV_TRY(index_bytes_init(&k->codes, f, INDEX_CODES, size, "codes", err));
    if (!norms) return VARVE_OK;
    return index_bytes_init(&k->norms, f, INDEX_NORMS, k->rows * sizeof(float), "norms", err);
}

varve_status fresh_codes_open(fresh_codes *k, const index_spec *spec, index_file *f, uint64_t rows,
                              varve_error *err)
{
    *k = (fresh_codes){.rows = rows, .slots = index_file_rows(f)};
    VV_TRY(read_model(k, spec, f, err));
    VV_TRY(index_groups_open_quantiser(f, QUANT_KIND_SQ8, spec->dim, &k->quantiser, err));
    return place_codes(k, f, err);
}

void fresh_codes_done(fresh_codes *k)
{
    index_bytes_done(&k->codes);
    index_bytes_done(&k->norms);
    quantiser_free(k->quantiser);
    k->quantiser = NULL;
}

uint64_t fresh_codes_load_bytes(const fresh_codes *k)
{
    return index_bytes_to_load(&k->codes) + index_bytes_to_load(&k->norms);
}

uint64_t fresh_codes_memory_bytes(const fresh_codes *k)
{
    return index_bytes_loaded(&k->codes) + index_bytes_loaded(&k->norms) +
           k->model.dim * sizeof(float);
}

varve_status fresh_codes_load(fresh_codes *k, varve_error *err)
{
    VV_TRY(index_bytes_load(&k->codes, err));
    return index_bytes_load(&k->norms, err);
}

/* ---- scan ---------------------------------------------------------------------------------- */

typedef struct scan {
    const fresh_codes *codes;
    const index_certain_query *certain;
    const index_query *q;
    const index_bytes *slots; /* NULL: rows are their own slots */
    index_certain_hits *hits;
    index_work *work;
} scan;

/* Rows of a group that a search may return, their own slots. */
static uint32_t visible_slots(const scan *s, uint64_t first)
{
    uint64_t word = first - first % WORD_SLOTS, left = s->codes->rows - first;
    uint32_t mask = (uint32_t)(~tombstones_word(s->q->hidden, word) >> first % WORD_SLOTS);
    if (left < QUANT_GROUP) mask &= (UINT32_C(1) << left) - 1;
    if (s->q->skip - first < QUANT_GROUP) mask &= ~(UINT32_C(1) << (s->q->skip - first));
    return mask;
}

/* Of a group that has filling, or the slot to be left out. */
static varve_status not_there(const scan *s, const uint8_t *slots, uint32_t *ret, varve_error *err)
{
    uint32_t out = 0;
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        uint32_t slot = get_u32(slots + 4 * i);
        if (slot >= s->codes->slots && slot != INDEX_GROUPS_NO_SLOT)
            return index_file_bad(s->slots->file, "a slot that the segment does not have", err);
        out |= (uint32_t)(slot == INDEX_GROUPS_NO_SLOT || slot == s->q->skip) << i;
    }
    *ret = out;
    return VARVE_OK;
}

static varve_status visible_listed(const scan *s, const uint8_t *slots, uint32_t *ret,
                                   varve_error *err)
{
    uint32_t out = 0, odd = 0, count = (uint32_t)VV_MIN(s->codes->slots, (uint64_t)UINT32_MAX);
    uint32_t skip = (uint32_t)VV_MIN(s->q->skip, (uint64_t)INDEX_GROUPS_NO_SLOT);
    for (size_t i = 0; i < QUANT_GROUP; i++) {
        uint32_t slot = get_u32(slots + 4 * i);
        odd |= (uint32_t)(slot >= count) | (uint32_t)(slot == skip);
    }
    if (odd) VV_TRY(not_there(s, slots, &out, err));
    if (s->q->hidden) out |= tombstones_among(s->q->hidden, slots, QUANT_GROUP);
    *ret = ~out;
    return VARVE_OK;
}

/* Groups [first, first + n), n at most SCAN_GROUPS. */
static varve_status scan_groups(const scan *s, uint64_t first, size_t n, varve_error *err)
{
    const fresh_codes *k = s->codes;
    float estimates[SCAN_GROUPS * QUANT_GROUP];
    uint32_t masks[SCAN_GROUPS], any = 0;
    size_t bytes = quantiser_group_bytes(k->quantiser);
    const uint8_t *codes, *norms = NULL, *slots = NULL;
    uint64_t row = first * QUANT_GROUP, rows = VV_MIN((uint64_t)n * QUANT_GROUP, k->rows - row);
    if (s->slots) VV_TRY(index_bytes_get(s->slots, row * 4, rows * 4, &slots, err));
    for (size_t i = 0; i < n; i++) {
        masks[i] = slots ? 0 : visible_slots(s, row + i * QUANT_GROUP);
        if (slots) VV_TRY(visible_listed(s, slots + i * QUANT_GROUP * 4, &masks[i], err));
        any |= masks[i];
        s->work->codes += (uint64_t)__builtin_popcount(masks[i]);
    }
    if (!any) return VARVE_OK;
    VV_TRY(index_bytes_get(&k->codes, first * bytes, n * bytes, &codes, err));
    if (k->norms.size) VV_TRY(index_bytes_get(&k->norms, row * 4, rows * 4, &norms, err));
    if (s->certain->codes) quant_scan(s->certain->codes, codes, n, estimates);
    for (size_t i = 0; i < n; i++) {
        index_certain_group g = {.codes = codes + i * bytes,
                                 .estimates = estimates + i * QUANT_GROUP,
                                 .norms = norms ? norms + i * QUANT_GROUP * 4 : NULL,
                                 .slots = slots ? slots + i * QUANT_GROUP * 4 : NULL,
                                 .first = (uint32_t)(row + i * QUANT_GROUP),
                                 .mask = masks[i]};
        if (masks[i]) VV_TRY(index_certain_offer(s->hits, s->certain, &g, err));
    }
    return VARVE_OK;
}

varve_status fresh_codes_scan(const fresh_codes *k, const index_certain_query *certain,
                              const index_query *q, const index_bytes *slots, uint64_t first,
                              uint64_t count, index_certain_hits *hits, index_work *work,
                              varve_error *err)
{
    scan s = {k, certain, q, slots, hits, work};
    for (uint64_t done = 0; done < count; done += SCAN_GROUPS) {
        VV_TRY(index_in_time(q, err));
        VV_TRY(scan_groups(&s, first + done, (size_t)VV_MIN((uint64_t)SCAN_GROUPS, count - done),
                           err));
    }
    return VARVE_OK;
}
