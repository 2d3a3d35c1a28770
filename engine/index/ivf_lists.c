/* ivf_lists.c — which coded row lies in which partition: made, written, read back, checked. */
#include "index/ivf.h"

#include "base/bytes.h"

#include <math.h>
#include <stdlib.h>

#define PARTITION_ROWS_MIN 64 /* on average */

/* ---- assignment ---------------------------------------------------------------------------- */

varve_status ivf_assignment_init(ivf_assignment *a, uint32_t rows, uint32_t copies,
                                 varve_error *err)
{
    size_t count = (size_t)rows * copies;
    *a = (ivf_assignment){.rows = rows, .copies = copies};
    a->of = malloc(count * sizeof *a->of);
    if (!a->of) return vv_fail(err, VARVE_NO_MEMORY, "no memory for partitions of %u rows", rows);
    memset(a->of, 0xff, count * sizeof *a->of);
    return VARVE_OK;
}

void ivf_assignment_done(ivf_assignment *a)
{
    free(a->of);
    a->of = NULL;
}

varve_status ivf_assignment_sizes(const ivf_assignment *a, uint32_t **ret, varve_error *err)
{
    uint32_t *sizes = calloc((size_t)a->partitions + 1, sizeof *sizes);
    if (!sizes) return vv_fail(err, VARVE_NO_MEMORY, "no memory for %u partitions", a->partitions);
    for (size_t i = 0; i < (size_t)a->rows * a->copies; i++) {
        if (a->of[i] != IVF_NONE) sizes[a->of[i]]++;
    }
    *ret = sizes;
    return VARVE_OK;
}

varve_status ivf_assignment_compact(ivf_assignment *a, void *centroids, size_t size,
                                    varve_error *err)
{
    VV_CLEANUP(vv_freep) uint32_t *numbers = NULL; /* sizes, then new numbers */
    uint32_t kept = 0;
    VV_TRY(ivf_assignment_sizes(a, &numbers, err));
    for (uint32_t i = 0; i < a->partitions; i++) {
        if (numbers[i] == 0) continue;
        memmove((char *)centroids + kept * size, (char *)centroids + i * size, size);
        numbers[i] = kept++;
    }
    for (size_t i = 0; i < (size_t)a->rows * a->copies; i++) {
        if (a->of[i] != IVF_NONE) a->of[i] = numbers[a->of[i]];
    }
    a->partitions = kept;
    return VARVE_OK;
}

uint32_t ivf_partition_count(uint32_t asked, uint64_t rows)
{
    uint64_t most = VV_MAX(rows / PARTITION_ROWS_MIN, (uint64_t)1);
    uint64_t count = asked ? asked : (uint64_t)sqrt((double)rows);
    return (uint32_t)VV_MIN(VV_MIN(count, most), (uint64_t)IVF_PARTITIONS_MAX / 4);
}

/* ---- order --------------------------------------------------------------------------------- */

static uint64_t fill_up(uint64_t size, uint32_t unit) { return size_align(size, unit); }

varve_status ivf_order_make(const ivf_assignment *a, uint32_t unit, ivf_order *ret,
                            varve_error *err)
{
    VV_CLEANUP(vv_freep) uint32_t *sizes = NULL;
    VV_CLEANUP(ivf_order_done) ivf_order o = {0};
    VV_TRY(ivf_assignment_sizes(a, &sizes, err));
    o.starts = calloc((size_t)a->partitions + 1, sizeof *o.starts);
    if (!o.starts) return vv_fail(err, VARVE_NO_MEMORY, "no memory for partitions");
    for (uint32_t i = 0; i < a->partitions; i++)
        o.starts[i + 1] = o.starts[i] + fill_up(sizes[i], unit);
    o.slots = malloc((o.starts[a->partitions] + 1) * sizeof *o.slots);
    if (!o.slots) return vv_fail(err, VARVE_NO_MEMORY, "no memory for partitions");
    memset(o.slots, 0xff, (o.starts[a->partitions] + 1) * sizeof *o.slots);
    memset(sizes, 0, a->partitions * sizeof *sizes);
    for (size_t i = 0; i < (size_t)a->rows * a->copies; i++) {
        uint32_t p = a->of[i];
        if (p != IVF_NONE) o.slots[o.starts[p] + sizes[p]++] = (uint32_t)(i / a->copies);
    }
    *ret = o;
    o = (ivf_order){0};
    return VARVE_OK;
}

void ivf_order_done(ivf_order *o)
{
    free(o->starts);
    free(o->slots);
    *o = (ivf_order){0};
}

varve_status ivf_order_put(const index_build_context *c, const ivf_assignment *a,
                           const ivf_order *o, const space *s, varve_error *err)
{
    uint8_t head[IVF_HEAD_BYTES] = {0};
    put_u32(head, a->partitions);
    put_u32(head + 8, a->copies);
    if (s) {
        put_u32(head + 4, s->width);
        memcpy(head + 16, &s->norm_max, sizeof s->norm_max);
        memcpy(head + 24, &s->scale, sizeof s->scale);
    }
    VV_TRY(index_file_add(c->out, INDEX_PARTITIONS, head, sizeof head, err));
    VV_TRY(index_file_put(c->out, o->starts, (a->partitions + 1) * sizeof *o->starts, err));
    return index_file_add(c->out, INDEX_SLOTS, o->slots, ivf_order_count(o, a) * sizeof *o->slots,
                          err);
}

/* ---- open ---------------------------------------------------------------------------------- */

static uint64_t start_of(const ivf_lists *l, uint32_t partition)
{
    return get_u64(l->starts + (size_t)partition * 8);
}

static varve_status read_starts(ivf_lists *l, index_file *f, uint32_t unit, varve_error *err)
{
    if (start_of(l, 0) != 0) return index_file_bad(f, "the first partition begins elsewhere", err);
    for (uint32_t i = 0; i < l->partitions; i++) {
        uint64_t from = start_of(l, i), to = start_of(l, i + 1);
        if (to < from || to - from > l->rows + unit || from % unit != 0)
            return index_file_bad(f, "partitions overlap", err);
    }
    l->coded = start_of(l, l->partitions);
    if (l->coded % unit != 0 || l->coded > (l->rows + unit) * l->partitions)
        return index_file_bad(f, "partitions hold more than all rows", err);
    return VARVE_OK;
}

static varve_status read_head(ivf_lists *l, index_file *f, const index_spec *spec, space *ret_space,
                              varve_error *err)
{
    uint64_t most = IVF_HEAD_BYTES + ((uint64_t)IVF_PARTITIONS_MAX + 1) * 8, size;
    const uint8_t *head;
    VV_TRY(index_file_need(f, INDEX_PARTITIONS, IVF_HEAD_BYTES + 16, most, "partitions", &head,
                           &size, err));
    l->partitions = get_u32(head);
    l->copies = get_u32(head + 8);
    l->starts = head + IVF_HEAD_BYTES;
    if (size != IVF_HEAD_BYTES + ((uint64_t)l->partitions + 1) * 8 || l->partitions == 0 ||
        l->copies == 0 || l->copies > IVF_COPIES_MAX)
        return index_file_bad(f, "the number of partitions is wrong", err);
    if (!ret_space) return VARVE_OK;
    *ret_space = (space){.metric = spec->mode.metric,
                         .dtype = spec->dtype,
                         .dim = spec->dim,
                         .width = get_u32(head + 4),
                         .norm_max = get_f64(head + 16),
                         .scale = get_f64(head + 24)};
    if (!space_ok(ret_space))
        return index_file_bad(f, "the space of the partitions makes no sense", err);
    return VARVE_OK;
}

varve_status ivf_lists_open(ivf_lists *l, index_file *f, const index_spec *spec, uint32_t unit,
                            space *ret_space, varve_error *err)
{
    *l = (ivf_lists){.rows = index_file_rows(f)};
    VV_TRY(read_head(l, f, spec, ret_space, err));
    VV_TRY(read_starts(l, f, unit, err));
    return index_bytes_init(&l->slots, f, INDEX_SLOTS, l->coded * 4, "slots of partitions", err);
}

void ivf_lists_range(const ivf_lists *l, uint32_t partition, uint64_t *ret_first,
                     uint64_t *ret_count)
{
    *ret_first = start_of(l, partition);
    *ret_count = start_of(l, partition + 1) - *ret_first;
}

varve_status ivf_lists_check(const ivf_lists *l, varve_error *err)
{
    VV_CLEANUP(vv_freep) uint8_t *seen = calloc(1, l->rows);
    if (!seen) return vv_fail(err, VARVE_NO_MEMORY, "no memory to check an index");
    for (uint64_t i = 0; i < l->coded; i++) {
        const uint8_t *at;
        VV_TRY(index_bytes_get(&l->slots, i * 4, 4, &at, err));
        uint32_t slot = get_u32(at);
        if (slot == IVF_NONE) continue;
        if (slot >= l->rows || ++seen[slot] > l->copies)
            return index_file_bad(l->slots.file, "a row lies in too many partitions", err);
    }
    for (uint64_t slot = 0; slot < l->rows; slot++) {
        if (seen[slot] == 0)
            return index_file_bad(l->slots.file, "a row lies in no partition", err);
    }
    return VARVE_OK;
}

size_t ivf_lists_breadths(const ivf_lists *l, uint32_t *ret, size_t max)
{
    size_t count = 0;
    for (uint32_t half = 1; count < max; half *= 2) { /* 1, 2, 3, 4, 6, 8, 12 ... */
        uint32_t candidates[2] = {half, half + half / 2};
        for (size_t i = 0; i < 2 && count < max; i++) {
            uint32_t breadth = VV_MIN(candidates[i], l->partitions);
            if (count == 0 || breadth > ret[count - 1]) ret[count++] = breadth;
        }
        if (half >= l->partitions) break;
    }
    return count;
}
