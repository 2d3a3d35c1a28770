/* memtable_codes.c — SQ8 codes of a memtable's rows, made as rows come in: a group is coded when
 * its last row is written, before any view publishes it. Chunks too small for a group have none.
 *
 * (1) The model is settled by the first group that is coded and never changes. A group with rows so
 *     much longer that they would not fit is left without codes, and scanned by its vectors. */
#include "segment/memtable_inner.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <math.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

/* Rows may be longer than those of the first group by 2 to this power. */
#define EXPONENT_ROOM 30

void memtable_use_codes(memtable *m, varve_metric metric)
{
    index_spec spec = {.kind = INDEX_KIND_FRESH, .dim = m->dim, .dtype = m->dtype};
    spec.mode.metric = metric;
    m->has_codes = index_spec_has_file(&spec);
    m->metric = metric;
}

/* Made when the first chunk comes that holds a group. Without memory there are no codes, which
 * costs time and nothing else. */
static bool make_coder(memtable *m)
{
    quant_spec spec = {.kind = QUANT_KIND_SQ8, .width = m->dim};
    if (m->coder) return true;
    m->points = malloc((size_t)QUANT_GROUP * m->dim * sizeof *m->points);
    m->has_codes = m->points && quantiser_train(&spec, NULL, 0, NULL, &m->coder, NULL) == VARVE_OK;
    return m->has_codes;
}

size_t memtable_codes_bytes(memtable *m, size_t rows)
{
    size_t groups = rows / QUANT_GROUP;
    if (!m->has_codes || groups == 0 || !make_coder(m)) return 0;
    return groups * quantiser_group_bytes(m->coder) +
           size_align(rows * sizeof(float) + groups * sizeof(bool), CACHE_LINE);
}

void memtable_codes_place(const memtable *m, chunk *c, size_t rows, uint8_t *at)
{
    size_t groups = rows / QUANT_GROUP;
    if (!m->has_codes || groups == 0) return;
    c->codes = at;
    c->norms = (float *)(void *)(at + groups * quantiser_group_bytes(m->coder));
    c->coded = (bool *)(c->norms + rows);
    memset(c->coded, 0, groups * sizeof *c->coded);
}

static varve_status one_group(void *context, uint32_t first, uint32_t n, const uint8_t **ret,
                              varve_error *err)
{
    (void)first;
    (void)n;
    (void)err;
    *ret = context;
    return VARVE_OK;
}

/* The exponent that these rows alone would have. */
static bool measure(const memtable *m, const uint8_t *rows, index_certain *ret)
{
    index_rows group = {.count = QUANT_GROUP, .dim = m->dim, .dtype = m->dtype, .get = one_group};
    group.context = (void *)(uintptr_t)rows;
    return index_certain_init(ret, m->metric, &group, NULL) == VARVE_OK;
}

void memtable_codes_add(memtable *m, chunk *c, place p)
{
    size_t group = p.at / QUANT_GROUP, first = group * QUANT_GROUP;
    const uint8_t *rows = c->vectors + first * m->stride;
    index_certain model;
    if (p.at % QUANT_GROUP != QUANT_GROUP - 1 || !measure(m, rows, &model)) return;
    if (!m->coding) {
        m->model = model;
        __atomic_store_n(&m->coding, true, __ATOMIC_RELEASE);
    }
    if (model.exponent > m->model.exponent + EXPONENT_ROOM) return;
    index_certain_rows(&m->model, rows, QUANT_GROUP, m->points, c->norms + first);
    quantiser_encode(m->coder, m->points, QUANT_GROUP,
                     c->codes + group * quantiser_group_bytes(m->coder));
    c->coded[group] = true;
}

void memtable_codes_done(memtable *m)
{
    quantiser_free(m->coder);
    free(m->points);
}

bool memtable_codes(const memtable *m, varve_metric *ret_metric)
{
    if (!__atomic_load_n(&m->coding, __ATOMIC_ACQUIRE)) return false;
    *ret_metric = m->metric;
    return true;
}

const index_certain *memtable_model(const memtable *m) { return &m->model; }
const quantiser *memtable_coder(const memtable *m) { return m->coder; }

bool memtable_group(const memtable *m, uint64_t first, const uint8_t **ret_codes,
                    const float **ret_norms)
{
    place p = memtable_place(m, first);
    const chunk *c = memtable_chunk(m, p.chunk);
    if (!c->codes || !c->coded[p.at / QUANT_GROUP]) return false;
    *ret_codes = c->codes + p.at / QUANT_GROUP * quantiser_group_bytes(m->coder);
    *ret_norms = c->norms + p.at;
    return true;
}
