/* fresh_check.c — what codes promise, against the rows that they were made of; see fresh.h. */
#include "index/fresh.h"

#include "base/bytes.h"
#include "distance/distance.h"

#include <stdlib.h>

#define PROBES 4 /* rows that ask; a code of another row is found out by nearly every one of them */

typedef struct probe {
    const fresh_codes *codes;
    const index_rows *rows;
    const index_bytes *slots;
    const float *values;
    index_certain_query certain;
} probe;

static varve_status bad_row(const probe *p, uint32_t slot, varve_error *err)
{
    return vv_fail(err, VARVE_CORRUPT, "index %s: the code of row %u is of another row",
                   index_file_path(p->codes->codes.file), slot);
}

static varve_status check_row(const probe *p, const index_certain_group *g, size_t i, uint32_t slot,
                              varve_error *err)
{
    const index_certain *m = &p->codes->model;
    const uint8_t *row;
    VV_TRY(p->rows->get(p->rows->context, slot, 1, &row, err));
    double key = distance_exact(m->metric, m->dtype, m->dim, p->values, row);
    if (m->metric == VARVE_METRIC_IP) key = -key;
    return index_certain_holds(&p->certain, g, i, key) ? VARVE_OK : bad_row(p, slot, err);
}

static varve_status check_group(const probe *p, uint64_t group, varve_error *err)
{
    const fresh_codes *k = p->codes;
    uint64_t first = group * QUANT_GROUP, bytes = quantiser_group_bytes(k->quantiser);
    size_t count = (size_t)VV_MIN((uint64_t)QUANT_GROUP, k->rows - first);
    float estimates[QUANT_GROUP] = {0};
    const uint8_t *norms = NULL, *slots = NULL;
    index_certain_group g = {.estimates = estimates};
    VV_TRY(index_bytes_get(&k->codes, group * bytes, bytes, &g.codes, err));
    if (k->norms.size) VV_TRY(index_bytes_get(&k->norms, first * 4, count * 4, &norms, err));
    if (p->slots) VV_TRY(index_bytes_get(p->slots, first * 4, count * 4, &slots, err));
    g.norms = norms;
    if (p->certain.codes) quant_scan(p->certain.codes, g.codes, 1, estimates);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = slots ? get_u32(slots + 4 * i) : (uint32_t)(first + i);
        if (slot == INDEX_GROUPS_NO_SLOT) continue;
        VV_TRY(check_row(p, &g, i, slot, err));
    }
    return VARVE_OK;
}

static varve_status check_all(probe *p, varve_error *err)
{
    VV_TRY(index_certain_query_init(&p->certain, &p->codes->model, p->codes->quantiser, p->values,
                                    err));
    for (uint64_t group = 0; group < index_groups_count(p->codes->rows); group++)
        VV_TRY(check_group(p, group, err));
    return VARVE_OK;
}

varve_status fresh_codes_check(const fresh_codes *k, const index_rows *rows,
                               const index_bytes *slots, varve_error *err)
{
    VV_CLEANUP(vv_freep) float *values = malloc(rows->dim * sizeof *values);
    if (!values) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check an index");
    for (uint32_t i = 0; i < PROBES; i++) {
        probe p = {.codes = k, .rows = rows, .slots = slots, .values = values};
        const uint8_t *row;
        VV_TRY(
            rows->get(rows->context, (uint32_t)((uint64_t)i * rows->count / PROBES), 1, &row, err));
        distance_row_floats(rows->dtype, rows->dim, row, values);
        varve_status status = check_all(&p, err);
        index_certain_query_done(&p.certain);
        VV_TRY(status);
    }
    return VARVE_OK;
}
