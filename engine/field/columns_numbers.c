/* columns_numbers.c — writing tables of numbers, instants and lengths. Sorted by a radix sort from
 * the lowest byte up, which leaves out bytes in which all keys agree and keeps slots in order. */
#include "field/columns_build.h"
#include "field/columns_pack.h"

#include <stdlib.h>

#define SMALL 48 /* elements that are sorted by insertion */

void build_number_bits(const build_list *numbers, uint64_t *bits)
{
    const build_number *n = numbers->data;
    for (uint32_t i = 0; i < numbers->count; i++)
        bits[n[i].slot / 64] |= UINT64_C(1) << (n[i].slot % 64);
}

static bool is_below(const build_number *a, const build_number *b)
{
    return a->key != b->key ? a->key < b->key : a->residual < b->residual;
}

static void insertion_sort(build_number *n, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        build_number x = n[i];
        uint32_t at = i;
        for (; at > 0 && is_below(&x, &n[at - 1]); at--)
            n[at] = n[at - 1];
        n[at] = x;
    }
}

/* Byte 0, 1: of the residual; 2..9: of the key. */
static unsigned byte_of(const build_number *n, unsigned byte)
{
    return byte < 2 ? n->residual >> (8 * byte) & 0xff : n->key >> (8 * (byte - 2)) & 0xff;
}

static void sort_pass(const build_number *from, build_number *to, uint32_t count, unsigned byte)
{
    uint32_t at[256] = {0}, sum = 0;
    for (uint32_t i = 0; i < count; i++)
        at[byte_of(&from[i], byte)]++;
    for (unsigned v = 0; v < 256; v++) {
        uint32_t n = at[v];
        at[v] = sum;
        sum += n;
    }
    for (uint32_t i = 0; i < count; i++)
        to[at[byte_of(&from[i], byte)]++] = from[i];
}

static varve_status sort_numbers(build_list *numbers, varve_error *err)
{
    build_number *from = numbers->data, differ = {0};
    if (numbers->count <= SMALL) {
        insertion_sort(from, numbers->count);
        return VARVE_OK;
    }
    build_number *to = malloc(numbers->count * sizeof *to);
    if (!to) return vv_fail(err, VARVE_NO_MEMORY, "no memory to sort a column");
    for (uint32_t i = 0; i < numbers->count; i++) {
        differ.key |= from[i].key ^ from[0].key;
        differ.residual |= from[i].residual ^ from[0].residual;
    }
    for (unsigned byte = 0; byte < 10; byte++) {
        if (!byte_of(&differ, byte)) continue;
        sort_pass(from, to, numbers->count, byte);
        build_number *other = from;
        from = to;
        to = other;
    }
    free(to);
    numbers->data = from;
    return VARVE_OK;
}

/* ---- the table ----------------------------------------------------------------------------- */

typedef struct distinct {
    uint64_t *keys;
    uint16_t *residuals;
    uint32_t *starts, *slots;
    uint32_t values;
    bool residual; /* any */
} distinct;

static void distinct_done(distinct *d)
{
    free(d->keys);
    free(d->residuals);
    free(d->starts);
    free(d->slots);
}

static varve_status take_distinct(const build_list *numbers, distinct *d, varve_error *err)
{
    size_t count = numbers->count;
    const build_number *n = numbers->data;
    uint32_t filled = 0;
    d->keys = malloc(count * sizeof *d->keys);
    d->residuals = malloc(count * sizeof *d->residuals);
    d->starts = malloc((count + 1) * sizeof *d->starts);
    d->slots = malloc(count * sizeof *d->slots);
    if (!d->keys || !d->residuals || !d->starts || !d->slots)
        return vv_fail(err, VARVE_NO_MEMORY, "no memory to write a column");
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && n[i].key == n[i - 1].key && n[i].residual == n[i - 1].residual;
        if (same && n[i].slot == n[i - 1].slot) continue;
        if (!same) {
            d->keys[d->values] = n[i].key;
            d->residuals[d->values] = (uint16_t)n[i].residual;
            d->starts[d->values++] = filled;
            d->residual |= n[i].residual != 0;
        }
        d->slots[filled++] = n[i].slot;
    }
    d->starts[d->values] = filled;
    return VARVE_OK;
}

varve_status build_write_numbers(build_list *numbers, uint32_t rows, buffer *out, uint32_t *ret,
                                 varve_error *err)
{
    VV_CLEANUP(distinct_done) distinct d = {0};
    VV_CLEANUP(buffer_done) buffer keys;
    buffer_init(&keys, out->max_bytes, out->what);
    VV_TRY(sort_numbers(numbers, err));
    VV_TRY(take_distinct(numbers, &d, err));
    VV_TRY(pack_keys(&keys, d.keys, d.values, err));
    if (d.residual) {
        VV_TRY(buffer_add(&keys, d.residuals, (size_t)d.values * sizeof *d.residuals, err));
        VV_TRY(pack_align(&keys, 0, err));
    }
    build_postings p = {d.starts, d.slots, d.values, rows};
    VV_TRY(build_write_table(&p, &keys, d.residual ? COLUMNS_FLAG_RESIDUALS : 0, out, err));
    *ret = d.values;
    return VARVE_OK;
}
