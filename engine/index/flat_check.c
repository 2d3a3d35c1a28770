/* flat_check.c — are codes those of the rows beside them? A row is encoded anew; what is stored may
 * differ in a coordinate that another processor rounded the other way, but it must be as near. */
#include "index/flat.h"

#include <stdlib.h>

#define NEARNESS 1.05 /* stored code against new one, squared distances from the row */

typedef struct scratch {
    float *points;  /* of a group */
    float *decoded; /* one row */
    uint8_t *codes; /* one group */
} scratch;

static void scratch_done(scratch *s)
{
    free(s->points);
    free(s->decoded);
    free(s->codes);
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static varve_status check_row(const flat *x, scratch *s, const uint8_t *stored, size_t i,
                              uint64_t slot, varve_error *err)
{
    const float *point = s->points + i * x->space.width;
    double length = 0;
    for (size_t at = 0; at < x->space.width; at++)
        length += (double)point[at] * (double)point[at];
    quantiser_decode(x->quantiser, stored, i, s->decoded);
    double is = distance(point, s->decoded, x->space.width);
    quantiser_decode(x->quantiser, s->codes, i, s->decoded);
    double can_be = distance(point, s->decoded, x->space.width);
    if (is <= can_be * NEARNESS + 1e-6 * length) return VARVE_OK;
    return vv_fail(err, VARVE_CORRUPT, "index %s: the code of row %llu is of another row",
                   index_file_path(x->codes.file), (unsigned long long)slot);
}

static varve_status check_group(const flat *x, scratch *s, const index_rows *rows, uint64_t group,
                                varve_error *err)
{
    uint64_t first = group * QUANT_GROUP, bytes = quantiser_group_bytes(x->quantiser);
    size_t n = (size_t)VV_MIN((uint64_t)QUANT_GROUP, x->rows - first);
    const uint8_t *stored, *at;
    VV_TRY(index_bytes_get(&x->codes, group * bytes, bytes, &stored, err));
    VV_TRY(rows->get(rows->context, (uint32_t)first, (uint32_t)n, &at, err));
    space_rows(&x->space, at, n, s->points);
    quantiser_encode(x->quantiser, s->points, n, s->codes);
    for (size_t i = 0; i < n; i++)
        VV_TRY(check_row(x, s, stored, i, first + i, err));
    return VARVE_OK;
}

varve_status flat_check(void *state, const index_rows *rows, varve_error *err)
{
    const flat *x = state;
    VV_CLEANUP(scratch_done) scratch s = {0};
    if (!rows) return VARVE_OK;
    s.points = calloc(QUANT_GROUP, x->space.width * sizeof *s.points);
    s.decoded = calloc(1, x->space.width * sizeof *s.decoded);
    s.codes = aligned_alloc(64, quantiser_group_bytes(x->quantiser));
    if (!s.points || !s.decoded || !s.codes)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to check an index");
    for (uint64_t group = 0; group < index_groups_count(x->rows); group++)
        VV_TRY(check_group(x, &s, rows, group, err));
    return VARVE_OK;
}
